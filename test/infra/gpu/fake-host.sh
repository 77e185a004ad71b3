#!/bin/bash
# Plays the commands of an instance, by the name that it is called by, for instance-start.test.ts. What a command was told goes to
# $HOST/commands; one that is named in $BROKEN fails.
command="$(basename "$0")"
echo "$command $*" >>"$HOST/commands"
case " ${BROKEN:-} " in *" $command "*) exit 1 ;; esac

case "$command" in
  # Puts a command there, of the package that is named last.
  dnf) ln -s "$FAKE" "$HOST/bin/${!#}" ;;
  lsblk)
    case "$*" in
      *NAME,MODEL) printf '%s\n' "$DISKS" ;;
      *'NAME /dev/'*) echo "${!#}" && case " ${DIVIDED:-} " in *" ${!#} "*) echo "${!#}p1" ;; esac ;;
      *'MOUNTPOINT /dev/'*) case " ${MOUNTED:-} " in *" ${!#} "*) echo /data ;; *) echo ;; esac ;;
    esac
    ;;
  curl)
    case "$*" in
      *'--request PUT'*'X-aws-ec2-metadata-token-ttl-seconds: '*/latest/api/token) echo TOKEN ;;
      *'X-aws-ec2-metadata-token: TOKEN'*/latest/meta-data/instance-type) echo g6e.2xlarge ;;
      *'X-aws-ec2-metadata-token: TOKEN'*/latest/meta-data/instance-life-cycle) echo "$LIFE_CYCLE" ;;
      *'X-aws-ec2-metadata-token: TOKEN'*/latest/meta-data/placement/region) echo eu-west-1 ;;
      *'X-aws-ec2-metadata-token: TOKEN'*/latest/meta-data/placement/availability-zone) echo eu-west-1b ;;
      *) exit 22 ;;
    esac
    ;;
esac
