/* Stands where a program looks for libpcsclite.so.1 and writes down how cards are used.
 *
 * PERO_PCSC_LOG  file that gets a line for each call: "connect SHARE", "reconnect SHARE", "begin", "transmit INS" (the
 *                second octet of the command, hex, so that 20 is VERIFY: ISO 7816-4 section 11; a VERIFY with
 *                a PIN in it is "verify 20", one without asks how many tries are left)
 *
 * OpenSC takes the library that its setting `provider_library` names; every call is passed on to the real one.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef long LONG;
typedef unsigned long DWORD;

static void *real(const char *name) {
    static void *library;
    if (!library)
        library = dlopen("libpcsclite.so.1", RTLD_NOW);
    void *found = library ? dlsym(library, name) : NULL;
    if (!found)
        abort();
    return found;
}

static void note(const char *what, unsigned long value) {
    const char *path = getenv("PERO_PCSC_LOG");
    int file = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    char line[64];
    int size = snprintf(line, sizeof line, "%s %lX\n", what, value);
    if (file >= 0 && write(file, line, (size_t)size) != size)
        abort();
    if (file >= 0)
        close(file);
}

LONG SCardConnect(LONG context, const char *reader, DWORD share, DWORD protocols, LONG *card, DWORD *protocol) {
    note("connect", share);
    return ((LONG(*)(LONG, const char *, DWORD, DWORD, LONG *, DWORD *))real("SCardConnect"))(
        context, reader, share, protocols, card, protocol);
}

LONG SCardReconnect(LONG card, DWORD share, DWORD protocols, DWORD what, DWORD *protocol) {
    note("reconnect", share);
    return ((LONG(*)(LONG, DWORD, DWORD, DWORD, DWORD *))real("SCardReconnect"))(card, share, protocols, what, protocol);
}

LONG SCardBeginTransaction(LONG card) {
    note("begin", 0);
    return ((LONG(*)(LONG))real("SCardBeginTransaction"))(card);
}

LONG SCardTransmit(LONG card, const void *send, const unsigned char *command, DWORD size, void *receive,
                   unsigned char *answer, DWORD *length) {
    note(size > 5 && command[1] == 0x20 ? "verify" : "transmit", size > 1 ? command[1] : 0);
    return ((LONG(*)(LONG, const void *, const unsigned char *, DWORD, void *, unsigned char *, DWORD *))real(
        "SCardTransmit"))(card, send, command, size, receive, answer, length);
}

#define PASS(NAME, PARAMETERS, ARGUMENTS) \
    LONG NAME PARAMETERS { return ((LONG(*) PARAMETERS)real(#NAME)) ARGUMENTS; }
PASS(SCardEstablishContext, (DWORD a, const void *b, const void *c, LONG *d), (a, b, c, d))
PASS(SCardReleaseContext, (LONG a), (a))
PASS(SCardDisconnect, (LONG a, DWORD b), (a, b))
PASS(SCardEndTransaction, (LONG a, DWORD b), (a, b))
PASS(SCardStatus, (LONG a, char *b, DWORD *c, DWORD *d, DWORD *e, unsigned char *f, DWORD *g), (a, b, c, d, e, f, g))
PASS(SCardGetStatusChange, (LONG a, DWORD b, void *c, DWORD d), (a, b, c, d))
PASS(SCardCancel, (LONG a), (a))
PASS(SCardControl, (LONG a, DWORD b, const void *c, DWORD d, void *e, DWORD f, DWORD *g), (a, b, c, d, e, f, g))
PASS(SCardGetAttrib, (LONG a, DWORD b, unsigned char *c, DWORD *d), (a, b, c, d))
PASS(SCardListReaders, (LONG a, const char *b, char *c, DWORD *d), (a, b, c, d))
