#!/bin/sh
# Becomes the first process of a machine that is a copy of this one: systemd-machine.sh CGROUP FOLDER PROGRAM [ARGUMENT...]
#
# The machine sees this machine's root file system, other file systems excepted, and writes to a tmpfs over it. It has
# processes, mounts, control groups and a network of its own. Its end takes everything with it but the control group.
# Exit code 75: this machine cannot make another one; the reason is on stderr.
set -eu
group=$1 folder=$2
shift 2

echo $$ >"$group/cgroup.procs" || exit 75
exec unshare --pid --mount --cgroup --uts --ipc --net --fork --kill-child sh -eu -c '
trap "exit 75" EXIT
folder=$1
shift
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$folder"
mkdir "$folder/upper" "$folder/work" "$folder/root"
mount -t overlay -o "lowerdir=/,upperdir=$folder/upper,workdir=$folder/work" overlay "$folder/root"
cd "$folder/root"
mount -t proc -o nosuid,nodev,noexec proc proc
# What belongs to the kernel of both machines is out of reach.
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs sys
mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs run
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs tmp
mount -t tmpfs -o mode=755,nosuid tmpfs dev
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs dev/shm
for name in null zero full random urandom tty; do cp -a "/dev/$name" "dev/$name"; done
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for number in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/${number%:*}" "dev/${number#*:}"; done

# Systemd starts what it needs itself, and no service of this machine. Neither unit may change the common kernel.
units=run/systemd/system
mkdir -p "$units"
printf "[Unit]\nRequires=sysinit.target dbus.socket\nAfter=sysinit.target dbus.socket\n" >"$units/machine.target"
for name in systemd-sysctl.service systemd-modules-load.service systemd-binfmt.service proc-sys-fs-binfmt_misc.automount \
  systemd-journald-audit.socket systemd-udevd.service systemd-timesyncd.service apparmor.service dev-hugepages.mount \
  sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount sys-fs-fuse-connections.mount tmp.mount; do
  ln -s /dev/null "$units/$name"
done
: >etc/fstab
: >etc/machine-id
rm -rf var/log/journal usr/sbin/policy-rc.d
ip link set lo up
mkdir old
pivot_root . old
umount -l old
rmdir old
trap - EXIT
exec env -i container=hathi-test LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
' machine "$folder" "$@"
