#!/usr/bin/env bash
# Starts a Slurm of two nodes on loopback, for tests only: it authenticates nobody. usage: start.sh DIR
set -eu
dir=$(realpath -m "${1:?usage: start.sh DIR}")
host=$(hostname -s)
mkdir -p "$dir/state" "$dir/spool.n1" "$dir/spool.n2"
cat > "$dir/slurm.conf" <<C
ClusterName=test
SlurmctldHost=localhost(127.0.0.1)
SlurmUser=root
AuthType=auth/none
CredType=cred/none
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmctldPort=16817
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool.%n
SlurmctldPidFile=$dir/ctld.pid
SlurmdPidFile=$dir/slurmd.%n.pid
SlurmctldLogFile=$dir/ctld.log
SlurmdLogFile=$dir/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
SlurmdTimeout=10
AuthInfo=cred_expire=5
SchedulerParameters=bf_interval=1,sched_interval=1,sched_min_interval=100000
JobCompType=jobcomp/filetxt
JobCompLoc=$dir/jobcomp.txt
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=16818 CPUs=1
NodeName=n2 NodeHostname=$host NodeAddr=127.0.0.1 Port=16819 CPUs=1
PartitionName=main Nodes=n1,n2 Default=YES DefaultTime=10 MaxTime=60 State=UP
C
export SLURM_CONF="$dir/slurm.conf"
slurmctld -c
slurmd -N n1
slurmd -N n2
for _ in $(seq 1200); do
  [ "$(sinfo -h -o %T 2>/dev/null | sort -u)" = idle ] && exit 0
  sleep 0.1
done
echo "start.sh: the nodes did not become idle; see $dir/*.log" >&2
exit 1
