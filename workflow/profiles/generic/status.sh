#!/bin/sh
# Says of one SLURM job whether it is running, a success or failed; needs no accounting database. A job that SLURM no
# longer knows has failed for Snakemake, which runs it anew: a run never waits for one that is gone.
answer=$(scontrol --oneliner show job "$1" 2>&1)
case "$?:$answer" in
    0:*JobState=COMPLETED*) echo success ;;
    0:*JobState=PENDING* | 0:*JobState=RUNNING* | 0:*JobState=CONFIGURING* | 0:*JobState=COMPLETING* | \
        0:*JobState=SUSPENDED* | 0:*JobState=REQUEUED* | 0:*JobState=STOPPED* | 0:*JobState=RESIZING*) echo running ;;
    0:*) echo failed ;;
    *"Invalid job id"*) echo failed ;;
    # The controller does not answer: it is asked again.
    *) echo running ;;
esac
