// The disk of one folder, as a test wants it (faulty-disk.ts): loaded before the C library, it lets the calls that write to files in
// FAULTY_DISK_FOLDER fail, or hang until the test has it otherwise. The test says so in the file FAULTY_DISK_CONTROL: a number for
// writes and one for syncs, 0 for good, -1 for hanging, or the number of the error.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static volatile int *control;
static const char *folder;

__attribute__((constructor)) static void begin(void) {
  const char *name = getenv("FAULTY_DISK_CONTROL");
  folder = getenv("FAULTY_DISK_FOLDER");
  int file = name ? open(name, O_RDWR | O_CLOEXEC) : -1;
  if (file < 0) return;
  control = mmap(NULL, 2 * sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (control == MAP_FAILED) abort();
}

static int isThere(int file) {
  char link[64], name[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, name, sizeof name - 1);
  if (length < 0) return 0;
  name[length] = 0;
  return strncmp(name, folder, strlen(folder)) == 0;
}

// Returns -1 with errno where the call fails.
static int meets(int file, int which) {
  if (!control || control[which] == 0 || !isThere(file)) return 0;
  while (control[which] == -1) usleep(10000);
  if (control[which] == 0) return 0;
  errno = control[which];
  return -1;
}

#define PASS(which, result, name, parameters, ...)                          \
  result name parameters {                                                  \
    static result(*real) parameters;                                        \
    if (!real) real = dlsym(RTLD_NEXT, #name);                              \
    return meets(file, which) == 0 ? real(__VA_ARGS__) : -1;                \
  }

PASS(0, ssize_t, write, (int file, const void *bytes, size_t length), file, bytes, length)
PASS(0, ssize_t, writev, (int file, const struct iovec *parts, int count), file, parts, count)
PASS(0, ssize_t, pwrite, (int file, const void *bytes, size_t length, off_t at), file, bytes, length, at)
PASS(0, ssize_t, pwrite64, (int file, const void *bytes, size_t length, off64_t at), file, bytes, length, at)
PASS(0, ssize_t, pwritev, (int file, const struct iovec *parts, int count, off_t at), file, parts, count, at)
PASS(0, ssize_t, pwritev64, (int file, const struct iovec *parts, int count, off64_t at), file, parts, count, at)
PASS(0, int, ftruncate, (int file, off_t length), file, length)
PASS(0, int, ftruncate64, (int file, off64_t length), file, length)
PASS(1, int, fsync, (int file), file)
PASS(1, int, fdatasync, (int file), file)
