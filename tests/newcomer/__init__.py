"""A machine broken in ways that are not named, for a person who has `pero diagnose` and nothing else (README below).

    python -m tests.newcomer make FOLDER [--seed N] [--count 10]    makes a throw-away machine, breaks it, says nothing
    python -m tests.newcomer judge FOLDER                           names each fault, and whether it was mended
    python -m tests.newcomer end FOLDER                             stops what runs there and deletes it

On the machine `FOLDER/pero` is Pero, `FOLDER/service` stands for systemctl (`service start pcscd`); `FOLDER/README` is
for the person. What was broken is kept in `FOLDER/.faults`: whoever wants to be tried does not read it. Each fault is
judged by what is on the disk or answers, never by what Pero says of it. Needs no root.
"""
