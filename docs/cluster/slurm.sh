#!/bin/bash
# EXAMPLE, NOT RUN: a Ray cluster for the time of one Slurm job, and a search on it. The first host is the head and has
# the driver; the others train. The same script, submitted again, goes on.
#   sbatch docs/cluster/slurm.sh studies/k400
#SBATCH --job-name=video-nas
#SBATCH --nodes=5
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=32
#SBATCH --time=24:00:00
#SBATCH --signal=B:TERM@120
set -euo pipefail

study=${1:?name a study folder, on storage that all hosts see}
port=$((20000 + SLURM_JOB_ID % 20000))    # several jobs may share a host
mapfile -t hosts < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
head_address=$(srun --nodes=1 --ntasks=1 -w "${hosts[0]}" hostname --ip-address | awk '{print $1}')

# One token for this user; home folders are the same on all hosts.
[ -e ~/.ray/auth_token ] || ray get-auth-token --generate
export RAY_AUTH_MODE=token OMP_NUM_THREADS=1
# Packs go to a local disk of each host (packs: copy); on shared storage they would be read where they are.
export NAS_CACHE=${SLURM_TMPDIR:-/tmp/$USER}/nas
temporary=/tmp/ray-$SLURM_JOB_ID          # short: paths of sockets have 107 characters

srun --nodes=1 --ntasks=1 -w "${hosts[0]}" \
  ray start --head --block --node-ip-address "$head_address" --port "$port" --num-cpus 0 --num-gpus 0 \
  --temp-dir "$temporary" --include-dashboard false --disable-usage-stats &
sleep 20
for host in "${hosts[@]:1}"; do
  srun --nodes=1 --ntasks=1 -w "$host" \
    ray start --block --address "$head_address:$port" --num-cpus "$SLURM_CPUS_PER_TASK" --num-gpus 4 \
    --temp-dir "$temporary" --disable-usage-stats &
done
sleep 30

# The batch script runs on the first host, which is a node of the cluster. Nodes that are late join while it searches.
nas search "$study" --engine ray --address "$head_address:$port" --gpus-per-trial 1 --cpus-per-trial 8 &
search=$!
trap 'kill -TERM $search; wait $search' TERM
wait $search
