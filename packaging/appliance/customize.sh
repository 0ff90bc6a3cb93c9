#!/bin/sh
# Run by mmdebstrap once Debian's packages are there: customize.sh ROOT DEB installs our package, has the kernel's own tool lay out what
# the firmware starts, and removes what each appliance must make again.
set -eu
root=$1
deb=$2

cp "$deb" "$root/tmp/mortise.deb"
chroot "$root" apt-get install --yes --quiet --no-install-recommends /tmp/mortise.deb
rm "$root/tmp/mortise.deb"

for kernel in "$root"/boot/vmlinuz-*; do
	version=${kernel##*/vmlinuz-}
	chroot "$root" kernel-install --make-entry-directory=yes add "$version" "/boot/vmlinuz-$version" "/boot/initrd.img-$version"
done
# Here the partition is no file system of its own: what is below it, the entries say with its place in this one.
sed -i 's#^\(linux\|initrd\)\( *\)/boot/efi/#\1\2/#' "$root"/boot/efi/loader/entries/*.conf

chroot "$root" systemctl enable --quiet systemd-networkd.service systemd-networkd-wait-online.service mortise-from-ovf.service
# Off until somebody gives a key or allows a password: mortise-setup.
chroot "$root" systemctl disable --quiet ssh.service
# It would let the host log in by ssh without the network.
mkdir -p "$root/etc/systemd/system-generators"
ln -s /dev/null "$root/etc/systemd/system-generators/systemd-ssh-generator"
ln -sf ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"

# Each appliance has its own, made at its first start.
rm -f "$root"/etc/ssh/ssh_host_* "$root/var/lib/systemd/random-seed" "$root/var/lib/systemd/credential.secret"
: > "$root/etc/machine-id"
# What says when, and in which order, this was built.
rm -rf "$root"/var/log/apt/* "$root"/var/log/*.log "$root"/var/cache/ldconfig/* "$root"/var/cache/debconf/*-old "$root"/var/lib/dpkg/*-old
