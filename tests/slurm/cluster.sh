#!/usr/bin/env bash
# A SLURM cluster for the tests, on this machine alone: two pretended nodes of eight CPUs, a partition whose
# jobs may be preempted (main) and one that preempts (high). Debian, as root; no systemd, no cgroups, no accounting.
#
#   cluster.sh start     installs what is missing, starts what does not run; prints nothing but errors
#   cluster.sh stop      ends what it started, by pid
#
# All files are in $BASIN_SLURM (default /tmp/basin-slurm); SLURM_CONF=$BASIN_SLURM/slurm.conf finds the cluster.
set -euo pipefail
root=${BASIN_SLURM:-/tmp/basin-slurm}
export SLURM_CONF=$root/slurm.conf
host=$(hostname -s)

runs() {  # NAME: whether the process whose pid was written down lives and is that program
  local pid
  pid=$(cat "$root/$1.pid" 2>/dev/null) && [ -n "$pid" ] || return 1
  case "$1:$(cat "/proc/$pid/comm" 2>/dev/null)" in munged:munged | slurmctld:slurmctld | slurmd-*:slurmd) ;; *) return 1 ;; esac
}

within() {  # SECONDS COMMAND...: until the command succeeds
  local tries=$(($1 * 5))
  shift
  until "$@" >/dev/null 2>&1; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || { echo "cluster.sh: gave up waiting for: $*" >&2; tail -n 5 "$root"/*.log >&2; return 1; }
    sleep 0.2
  done
}

packages() {
  local missing=()
  for package in munge slurmctld slurmd slurm-client; do
    dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return
  export DEBIAN_FRONTEND=noninteractive
  { apt-get update && apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "${missing[@]}"; } \
    >"$root/apt.log" 2>&1 || { tail "$root/apt.log" >&2; return 1; }
}

settings() {
  cat <<CONF
ClusterName=basin
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=26817
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# a requeued job may not start again before its credential has expired
AuthInfo=socket=$root/munge/socket,cred_expire=5
StateSaveLocation=$root/state
SlurmdSpoolDir=$root/spool-%n
SlurmctldPidFile=$root/slurmctld.pid
SlurmdPidFile=$root/slurmd-%n.pid
SlurmctldLogFile=$root/slurmctld.log
SlurmdLogFile=$root/slurmd-%n.log
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=0,sched_min_interval=0
SlurmctldParameters=preempt_send_user_signal
KillWait=10
# while slurmctld is away every question waits that long
MessageTimeout=5
MinJobAge=900
SlurmdTimeout=60
MaxArraySize=401
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=26821 CPUs=8 RealMemory=8000
NodeName=n2 NodeHostname=$host NodeAddr=127.0.0.1 Port=26822 CPUs=8 RealMemory=8000
PartitionName=main Nodes=ALL Default=YES DefaultTime=60 PriorityTier=1 PreemptMode=REQUEUE GraceTime=20
PartitionName=high Nodes=ALL DefaultTime=60 PriorityTier=10 PreemptMode=OFF
CONF
}

let_go() {  # of what the caller has open: daemons outlive it, and would keep its locks (flock) and pipes
  local path number
  for path in /proc/$$/fd/*; do
    number=${path##*/}
    case $number in 0 | 1 | 2 | 255) ;; *) eval "exec $number>&-" ;; esac  # 255: this script
  done
}

start() {
  let_go
  [ "$(id -u)" = 0 ] || { echo "cluster.sh: SLURM's daemons need root" >&2; exit 1; }
  umask 022
  mkdir -p "$root/state" "$root/munge" "$root/spool-n1" "$root/spool-n2"
  install -d -m 700 "$root/key"
  packages
  settings >"$SLURM_CONF"
  echo "CgroupAutomount=no" >"$root/cgroup.conf"
  if ! runs munged; then
    rm -f "$root"/munge/socket*
    [ -s "$root/key/munge.key" ] || (umask 077 && head -c 1024 /dev/urandom >"$root/key/munge.key")
    munged --key-file="$root/key/munge.key" --socket="$root/munge/socket" --pid-file="$root/key/munged.pid" \
      --log-file="$root/key/munged.log" --seed-file="$root/key/munged.seed"
    within 10 munge -n -S "$root/munge/socket"
    cp "$root/key/munged.pid" "$root/munged.pid"
  fi
  runs slurmctld || slurmctld
  within 20 scontrol ping
  for node in n1 n2; do runs "slurmd-$node" || slurmd -N "$node"; done
  within 30 eval '[ "$(sinfo -h -N -p main -t idle,mix,alloc -o %N | wc -l)" = 2 ]'
}

stop() {
  [ -d "$root" ] || return 0
  if runs slurmctld; then timeout 10 scancel --user=root --full --quiet || true; fi
  for name in slurmd-n1 slurmd-n2 slurmctld munged; do
    runs "$name" || continue
    pid=$(cat "$root/$name.pid")
    kill "$pid"
    for _ in $(seq 50); do kill -0 "$pid" 2>/dev/null || break; sleep 0.2; done
    if kill -9 "$pid" 2>/dev/null; then echo "cluster.sh: had to kill $name" >&2; fi
  done
  rm -rf -- "$root"
}

case "${1:-}" in
  start) start ;;
  stop) stop ;;
  *) echo "usage: cluster.sh start | stop" >&2; exit 2 ;;
esac
