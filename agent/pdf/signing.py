"""The two revisions that are ever put behind a document: one with a signature, one with validation material; and the
signatures that are in one.

Runs in the worker only.
"""

from __future__ import annotations

from agent.pdf import field, mark, material, revision
from agent.pdf.messages import AddMaterial, Read, Revision, Sign, Signatures, Task


def perform(task: Task) -> Revision | Signatures:
    """Raises the errors of a document that cannot be signed, or read."""
    if isinstance(task, Read):
        from agent.pdf.signatures import read  # takes 300 ms, which signing need not wait for

        return read(task.document)
    return _sign(task) if isinstance(task, Sign) else _add_material(task)


def _sign(task: Sign) -> Revision:
    writer = revision.open_document(task.document)
    with revision.reading():
        placeholders, annotation = field.add_signature(writer, task.entries, task.room)
        if task.entries.mark:
            mark.draw(writer, annotation, task.entries.mark)
    addition = revision.finish(writer, task.document)
    addition, contents = placeholders.fill(addition, len(task.document))
    return Revision(addition, contents)


def _add_material(task: AddMaterial) -> Revision:
    writer = revision.open_document(task.document)
    with revision.reading():
        material.add(writer, task)
    return Revision(revision.finish(writer, task.document))
