#!/bin/bash
#
# Runs once as root when an instance of AWS Batch starts, before the ECS agent does and so before the first job:
#
#   1 the agent's settings    a Spot notice reaches the worker as SIGTERM, and images stay for the next job
#   2 the metadata service    answers root alone: containers share the host's network, and must not get the instance's role
#   3 the cache               on the instance's own disks where it has some, else on the root volume
#   4 what a worker is told   about its instance, which it cannot ask for itself
#
# Nothing here may keep the instance from its jobs: what cannot be done is said in the log (/var/log/cloud-init-output.log) and
# left. HOST is a folder in place of / for tests.
set -uo pipefail

HOST="${HOST:-}"
STATE="$HOST/var/lib/mv2id"
# The user of the containers.
OWNER=1000:1000
METADATA_ADDRESS=169.254.169.254
METADATA="http://$METADATA_ADDRESS/latest"
# As lsblk calls the disks that are part of the machine and vanish with it.
INSTANCE_STORE='Amazon EC2 NVMe Instance Storage'

say() { echo "mv2id: $*"; }

configure_agent() {
  mkdir -p "$HOST/etc/ecs"
  # A Spot instance is given 120 s: 110 s for the worker, the rest for the agent.
  cat >>"$HOST/etc/ecs/ecs.config" <<'END'
ECS_ENABLE_SPOT_INSTANCE_DRAINING=true
ECS_CONTAINER_STOP_TIMEOUT=110s
ECS_IMAGE_PULL_BEHAVIOR=prefer-cached
ECS_AWSVPC_BLOCK_IMDS=true
END
}

# Batch runs jobs in the host's network, where the hop limit of the service does not stop them; the setting above is for multi-node
# jobs, which have a network of their own.
guard_metadata() {
  iptables --wait 10 --insert OUTPUT --destination "$METADATA_ADDRESS" --match owner ! --uid-owner 0 --jump REJECT
}

# One a line, without those that somebody has mounted or divided.
unused_disks() {
  local disk
  lsblk --nodeps --noheadings --paths --output NAME,MODEL | grep -F "$INSTANCE_STORE" | while read -r disk _; do
    if [ "$(lsblk --noheadings --output NAME "$disk" | wc -l)" -eq 1 ] &&
      [ -z "$(lsblk --noheadings --output MOUNTPOINT "$disk" | tr -d '[:space:]')" ]; then
      echo "$disk"
    fi
  done
}

# The AMI is a minimal one. Amazon Linux has its packages in S3, which the instance reaches in every network of ours.
need() {
  local command="$1" package="$2"
  command -v "$command" >/dev/null || timeout 120 dnf install --quiet --assumeyes "$package" >&2
}

# Prints the device that all disks make together.
assemble() {
  if [ "$#" -eq 1 ]; then
    echo "$1"
    return 0
  fi
  if need mdadm mdadm && mdadm --create /dev/md/mv2id --run --level=0 --raid-devices="$#" "$@" >&2; then
    echo /dev/md/mv2id
  else
    say "the $# disks cannot be joined; the cache gets the first" >&2
    echo "$1"
  fi
}

mount_cache() {
  local disks device
  mapfile -t disks < <(unused_disks)
  if [ "${#disks[@]}" -eq 0 ]; then
    say 'there are no disks of the instance; the cache is on the root volume'
    return 0
  fi
  device="$(assemble "${disks[@]}")"
  if need mkfs.xfs xfsprogs && mkfs.xfs -f -q "$device" && mount -o noatime,nodev,nosuid "$device" "$STATE/cache"; then
    say "the cache is on $device"
  else
    say "$device cannot be used; the cache is on the root volume"
  fi
}

metadata() { curl --silent --show-error --fail --max-time 5 --retry 5 --retry-connrefused "$@"; }

write_instance() {
  local token type capacity region zone
  token="$(metadata --request PUT --header 'X-aws-ec2-metadata-token-ttl-seconds: 300' "$METADATA/api/token")" || return 1
  about() { metadata --header "X-aws-ec2-metadata-token: $token" "$METADATA/meta-data/$1"; }
  type="$(about instance-type)" && capacity="$(about instance-life-cycle)" || return 1
  region="$(about placement/region)" && zone="$(about placement/availability-zone)" || return 1
  # Elsewhere it is written with "_".
  printf '{"instance_type": "%s", "capacity": "%s", "region": "%s", "availability_zone": "%s"}\n' \
    "$type" "${capacity//-/_}" "$region" "$zone" >"$STATE/instance.json.new" &&
    chmod 644 "$STATE/instance.json.new" &&
    mv "$STATE/instance.json.new" "$STATE/instance.json"
}

configure_agent || say 'the agent is not configured'
guard_metadata || say 'containers can reach the metadata service'
mkdir -p "$STATE/cache"
mount_cache
# After mounting: a new file system belongs to root.
chown "$OWNER" "$STATE/cache" || say 'the cache belongs to root'
chmod 755 "$STATE" && chmod 700 "$STATE/cache"
write_instance || say 'the metadata service does not answer; jobs have no estimated cost'
