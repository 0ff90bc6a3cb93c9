/* A PKCS #11 module that passes every call on to SoftHSM, except where a file says otherwise (MORTISE_TEST_FAULTS), read anew at each
   call. So a test has a token that is removed, locks its PIN, hangs, lacks a mechanism, or chooses the IV of AES-GCM. Lines:

     fail FUNCTION VALUE    return this value
     hang FUNCTION          never return
     hide MECHANISM         the token does not have it
     flags VALUE            more flags of the token
     lacks locks            it cannot be called by several threads at once; who does so is noted
     iv overwritten         as AWS CloudHSM does it: an IV of zeros alone is taken, and overwritten
     iv appended            as Luna in FIPS mode: the IV that was given is not used; the token's own, of 16 bytes, is appended

   Each C_Login is a line in the file of the same name with .logins at its end, each call that hangs one in .hangs, each that comes while
   another runs, though the module lacks locks, one in .overlaps. */

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long ulong_t;
typedef unsigned char byte;
typedef ulong_t (*any_function)(ulong_t, ulong_t, ulong_t, ulong_t, ulong_t, ulong_t, ulong_t, ulong_t);

struct list {
  byte version[2];
  any_function functions[68];
};
struct mechanism {
  ulong_t type;
  void *parameter;
  ulong_t length;
};
struct gcm {
  byte *iv;
  ulong_t iv_length, iv_bits;
  byte *additional;
  ulong_t additional_length, tag_bits;
};
struct token_info {
  char texts[96];
  ulong_t flags;
};

static struct list *real;
static struct list mine;
static byte appended[16];
static int appends;

/* The word after `what` and `name` on a line; NULL where there is no such line. */
static const char *told(const char *what, const char *name) {
  static __thread char value[64];
  char line[256], first[64], second[64];
  const char *path = getenv("MORTISE_TEST_FAULTS");
  FILE *file = path ? fopen(path, "r") : NULL;
  const char *found = NULL;
  if (!file) return NULL;
  while (!found && fgets(line, sizeof line, file)) {
    value[0] = 0;
    if (sscanf(line, "%63s %63s %63s", first, second, value) >= 2 && !strcmp(first, what) &&
        (!name || !strcmp(second, name))) {
      if (!name) strcpy(value, second);
      found = value;
    }
  }
  fclose(file);
  return found;
}

static void note(const char *ending) {
  char path[1024];
  FILE *file;
  snprintf(path, sizeof path, "%s.%s", getenv("MORTISE_TEST_FAULTS"), ending);
  file = fopen(path, "a");
  if (!file) return;
  fputs("noted\n", file);
  fclose(file);
}

static int isFault(const char *name, ulong_t *value) {
  const char *fails = told("fail", name);
  if (told("hang", name)) {
    note("hangs");
    for (;;) sleep(60);
  }
  if (fails) *value = strtoul(fails, NULL, 0);
  return fails != NULL;
}

#define FAULTY(name, index)                                                                                  \
  static ulong_t name(ulong_t a, ulong_t b, ulong_t c, ulong_t d, ulong_t e, ulong_t f, ulong_t g, ulong_t h) { \
    ulong_t value;                                                                                           \
    return isFault(#name, &value) ? value : real->functions[index](a, b, c, d, e, f, g, h);                  \
  }

FAULTY(C_GetSlotList, 4)
FAULTY(C_OpenSession, 12)
FAULTY(C_FindObjectsInit, 26)
FAULTY(C_DecryptInit, 33)
FAULTY(C_Decrypt, 34)
FAULTY(C_Sign, 43)
FAULTY(C_WrapKey, 60)
FAULTY(C_UnwrapKey, 61)

static ulong_t C_Initialize(ulong_t arguments) {
  ulong_t value;
  if (isFault("C_Initialize", &value)) return value;
  if (arguments && told("lacks", "locks")) return 0x0a;
  return real->functions[0](arguments, 0, 0, 0, 0, 0, 0, 0);
}

static ulong_t C_GetAttributeValue(ulong_t session, ulong_t object, ulong_t template, ulong_t count) {
  static int inside;
  ulong_t value;
  if (!told("lacks", "locks")) return real->functions[24](session, object, template, count, 0, 0, 0, 0);
  if (__sync_add_and_fetch(&inside, 1) > 1) note("overlaps");
  usleep(2000);
  value = real->functions[24](session, object, template, count, 0, 0, 0, 0);
  __sync_sub_and_fetch(&inside, 1);
  return value;
}

static ulong_t C_GetTokenInfo(ulong_t slot, struct token_info *info) {
  ulong_t value = real->functions[6](slot, (ulong_t)info, 0, 0, 0, 0, 0, 0);
  const char *flags = told("flags", NULL);
  if (flags) info->flags |= strtoul(flags, NULL, 0);
  return value;
}

static ulong_t C_Login(ulong_t session, ulong_t user, ulong_t pin, ulong_t length) {
  ulong_t value;
  note("logins");
  return isFault("C_Login", &value) ? value : real->functions[18](session, user, pin, length, 0, 0, 0, 0);
}

static ulong_t C_GetMechanismList(ulong_t slot, ulong_t *list, ulong_t *count) {
  ulong_t value = real->functions[7](slot, (ulong_t)list, (ulong_t)count, 0, 0, 0, 0, 0);
  char name[32];
  ulong_t from, to;
  if (value || !list) return value;
  for (from = to = 0; from < *count; from++) {
    snprintf(name, sizeof name, "0x%lx", list[from]);
    if (!told("hide", name)) list[to++] = list[from];
  }
  *count = to;
  return 0;
}

static ulong_t C_EncryptInit(ulong_t session, struct mechanism *mechanism, ulong_t key) {
  ulong_t value;
  struct gcm *given = mechanism->parameter, own;
  struct mechanism with = *mechanism;
  const char *iv;
  static const byte zeros[16];
  if (isFault("C_EncryptInit", &value)) return value;
  iv = mechanism->type == 0x1087 ? told("iv", NULL) : NULL;
  appends = iv && !strcmp(iv, "appended");
  if (appends) {
    real->functions[64](session, (ulong_t)appended, sizeof appended, 0, 0, 0, 0, 0); /* C_GenerateRandom */
    own = *given;
    own.iv = appended;
    own.iv_length = sizeof appended;
    own.iv_bits = 8 * sizeof appended;
    with.parameter = &own;
  } else if (iv) {
    if (memcmp(given->iv, zeros, given->iv_length)) return 0x07;
    real->functions[64](session, (ulong_t)given->iv, given->iv_length, 0, 0, 0, 0, 0);
  }
  return real->functions[29](session, (ulong_t)&with, key, 0, 0, 0, 0, 0);
}

static ulong_t C_Encrypt(ulong_t session, byte *data, ulong_t length, byte *result, ulong_t *resultLength) {
  ulong_t value;
  if (isFault("C_Encrypt", &value)) return value;
  value = real->functions[30](session, (ulong_t)data, length, (ulong_t)result, (ulong_t)resultLength, 0, 0, 0);
  if (!value && appends) {
    memcpy(result + *resultLength, appended, sizeof appended);
    *resultLength += sizeof appended;
  }
  return value;
}

ulong_t C_GetFunctionList(struct list **list) {
  void *module = dlopen(getenv("MORTISE_TEST_SOFTHSM"), RTLD_NOW);
  ulong_t (*get)(struct list **) = module ? dlsym(module, "C_GetFunctionList") : NULL;
  if (!get || get(&real)) return 0x05;
  mine = *real;
#define MINE(index, name) mine.functions[index] = (any_function)name
  MINE(0, C_Initialize);
  MINE(4, C_GetSlotList);
  MINE(6, C_GetTokenInfo);
  MINE(7, C_GetMechanismList);
  MINE(12, C_OpenSession);
  MINE(18, C_Login);
  MINE(24, C_GetAttributeValue);
  MINE(26, C_FindObjectsInit);
  MINE(29, C_EncryptInit);
  MINE(30, C_Encrypt);
  MINE(33, C_DecryptInit);
  MINE(34, C_Decrypt);
  MINE(43, C_Sign);
  MINE(60, C_WrapKey);
  MINE(61, C_UnwrapKey);
  *list = &mine;
  return 0;
}
