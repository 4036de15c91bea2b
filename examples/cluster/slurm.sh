#!/bin/bash
#SBATCH --job-name=descent
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=2
#SBATCH --cpus-per-task=16
#SBATCH --time=04:00:00
#SBATCH --requeue
# The same script goes on after a requeue: with other --nodes, too.
out=runs/language-model
if [ -e "$out/checkpoints/last" ]; then
  arguments=(--resume "$out")
else
  arguments=(language-modeling --data corpus.txt --model gpt-nano --batch-size 256 --out "$out")
fi
srun --mpi=pmix --cpu-bind=cores --kill-on-bad-exit=1 descent train "${arguments[@]}"
