"""The AT-SPI half of `display.py`: run by the system's Python, asked in lines of JSON on its standard input."""

import json
import sys
import threading

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, GLib  # noqa: E402

_said = []
_focused = []
STATES = (
    "ENABLED",
    "FOCUSED",
    "FOCUSABLE",
    "CHECKED",
    "SELECTED",
    "SELECTABLE",
    "EDITABLE",
    "DEFAULT",
    "IS_DEFAULT",
    "READ_ONLY",
    "EXPANDED",
    "ACTIVE",
    "MODAL",
)


def application(name):
    """The newest running application of that name that shows anything."""
    desktop = Atspi.get_desktop(0)
    found = None
    for index in range(desktop.get_child_count()):
        child = desktop.get_child_at_index(index)
        try:
            if child is None or child.get_name() != name:
                continue
            child.clear_cache()  # its first window may have come since it was looked at
            if child.get_child_count():
                found = child
        except GLib.Error:
            continue
    return found


def walk(node, depth=0):
    """Everything that shows, with its depth. What goes away meanwhile is left out."""
    try:
        node.clear_cache()
        states = node.get_state_set()
        if depth and not states.contains(Atspi.StateType.VISIBLE):
            return
        yield node, depth
        children = [node.get_child_at_index(index) for index in range(node.get_child_count())]
    except GLib.Error:
        return
    for child in children:
        if child is not None:
            yield from walk(child, depth + 1)


def describe(node, depth):
    states = node.get_state_set()
    extents = node.get_extents(Atspi.CoordType.SCREEN)
    text = node.get_text_iface()
    actions = node.get_action_iface()
    return {
        "role": node.get_role_name(),
        "name": node.get_name(),
        "description": node.get_description(),
        "states": [name.lower().replace("_", " ") for name in STATES if has_state(states, name)],
        "extents": [extents.x, extents.y, extents.width, extents.height],
        "text": Atspi.Text.get_text(text, 0, Atspi.Text.get_character_count(text)) if text is not None else None,
        "actions": actions.get_n_actions() if actions is not None else 0,
        "depth": depth,
    }


def has_state(states, name):
    kind = getattr(Atspi.StateType, name, None)
    return kind is not None and states.contains(kind)


def tree(app):
    root = application(app)
    nodes = []
    for node, depth in walk(root) if root is not None else ():
        try:
            nodes.append(describe(node, depth))
        except GLib.Error:
            continue
    return nodes


def act(app, name):
    root = application(app)
    for node, _depth in walk(root) if root is not None else ():
        if node.get_name() == name:
            actions = node.get_action_iface()
            if actions is not None and actions.get_n_actions():
                return bool(Atspi.Action.do_action(actions, 0))
    return False


def fill(app, name, text):
    """As a person with a braille keyboard does, in any script."""
    root = application(app)
    for node, _depth in walk(root) if root is not None else ():
        editable = node.get_editable_text_iface()
        if node.get_name() == name and editable is not None:
            return bool(Atspi.EditableText.set_text_contents(editable, text))
    return False


def hear(event):
    _said.append(str(event.any_data))


def announcements():
    context = GLib.MainContext.default()
    while context.iteration(False):
        pass
    said, _said[:] = list(_said), []
    return said


def follow(event):
    if event.detail1:
        _focused.append(event.source)


def chain(node):
    """Role, name and place among its neighbours: of a node, and of all that it stands in."""
    found = []
    try:
        while node is not None and node.get_role_name() != "desktop frame":
            found.append([node.get_role_name(), node.get_name(), node.get_index_in_parent()])
            node = node.get_parent()
    except GLib.Error:
        return []
    return found


def focus_moves():
    context = GLib.MainContext.default()
    while context.iteration(False):
        pass
    moved, _focused[:] = list(_focused), []
    return [found for found in map(chain, moved) if found]


VERBS = {
    "hello": lambda: "hello",
    "tree": tree,
    "act": act,
    "fill": fill,
    "announcements": announcements,
    "focus_moves": focus_moves,
}


def answer(line):
    question = json.loads(line)
    try:
        result = VERBS[question.pop("verb")](**question)
    except Exception as error:
        reply = {"error": f"{type(error).__name__}: {error}"}
    else:
        reply = {"result": result}
    sys.stdout.write(json.dumps(reply) + "\n")
    sys.stdout.flush()
    return False


def listen(loop):
    for line in sys.stdin:
        GLib.idle_add(answer, line)
    GLib.idle_add(loop.quit)


def main():
    Atspi.init()
    listeners = {"object:announcement": hear, "object:state-changed:focused": follow}
    kept = []
    for kind, heard in listeners.items():
        try:
            kept.append(Atspi.EventListener.new(heard))
            kept[-1].register(kind)
        except GLib.Error:
            continue
    loop = GLib.MainLoop()
    threading.Thread(target=listen, args=(loop,), daemon=True).start()
    loop.run()


if __name__ == "__main__":
    main()
