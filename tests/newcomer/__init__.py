"""A machine broken in ways that are not named, for a person who has `pero diagnose` and nothing else (README below).

    python -m tests.newcomer make FOLDER [--seed N] [--count 10]    makes a throw-away machine, breaks it, says nothing
    python -m tests.newcomer judge FOLDER                           names each fault, and whether it was mended
    python -m tests.newcomer end FOLDER                             stops what runs there and deletes it

On the machine `FOLDER/pero` is Pero, `FOLDER/service` stands for systemctl (`service start pcscd`); `FOLDER/README` is
for the person. What was broken is kept in `FOLDER/.faults`: whoever wants to be tried does not read it. Each fault is
judged by what is on the disk or answers, never by what Pero says of it. Needs no root.

Tried on 2026-11-22, three machines of ten faults (seeds 61001, 61002, 61003), script and tests unread until after them:

    seed    found      mended     minutes
    61001   10 of 10   10 of 10   about 2, a pause left out
    61002   10 of 10    9 of 10   under 1
    61003   10 of 10   10 of 10   under 1

The one left was a locked PIN: `pero token unblock` ended in an ImportError, for the program was being edited meanwhile,
and it was not tried again. What these figures are not:

- Whoever tried was one of those who build Pero, at a terminal, by commands; no person from outside, no window, and the
  HTML page was written but not read.
- The table has 13 faults, so any ten of them are mostly the same: only the first machine was new. Seven more were
  meant. Two (61004, 61005) could not be made, by a mixture of two checkouts; none was tried after the script was read.
- Not all came from the report alone. That a service is to be started with `service start` is said in the machine's
  README; the report spoke of a container's socket. Damaged settings were named by the report, but that a bracket was
  missing was seen in the file. The passphrase and the PINs are in the README, as an owner would give them. On the first
  machine a listing of the folder showed a driver of 10 bytes before the report named it.
- What misled was reworded after these tries. Nobody has tried since.
"""
