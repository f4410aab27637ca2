"""METHODS: every method, one file and one row each."""

from agent.api.method import Method
from agent.api.methods import (
    add_key_file,
    add_module,
    cancel,
    certificates,
    connect,
    forget_key_file,
    forget_module,
    forget_site,
    list_journal,
    list_modules,
    list_sites,
    select_certificate,
    sign,
    sign_file,
    status,
    stop,
    verify_journal,
)

METHODS: tuple[Method, ...] = (
    connect.METHOD,
    status.METHOD,
    select_certificate.METHOD,
    sign.METHOD,
    cancel.METHOD,
    certificates.METHOD,
    sign_file.METHOD,
    add_key_file.METHOD,
    forget_key_file.METHOD,
    list_modules.METHOD,
    add_module.METHOD,
    forget_module.METHOD,
    list_sites.METHOD,
    forget_site.METHOD,
    list_journal.METHOD,
    verify_journal.METHOD,
    stop.METHOD,
)
