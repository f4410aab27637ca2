/* The file `token` in a token's folder: its label, serial number and PINs, lines NAME = VALUE. No file: never initialised. */
#include "gost.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROUNDS 1000

static const char *const pin_names[] = {[CKU_SO] = "so-pin", [CKU_USER] = "user-pin"};
static const char *const vendors_pins[] = {[CKU_SO] = "87654321", [CKU_USER] = "12345678"};

static void to_hex(const unsigned char *octets, size_t size, char *text) {
    for (size_t place = 0; place < size; place++)
        sprintf(text + 2 * place, "%02x", octets[place]);
}

static bool from_hex(const char *text, unsigned char *octets, size_t size) {
    for (size_t place = 0; place < size; place++)
        if (sscanf(text + 2 * place, "%2hhx", &octets[place]) != 1)
            return false;
    return true;
}

/* TRIES VENDORS SALT DIGEST */
static bool pin_parse(struct pin *pin, const char *value) {
    int vendors, used = 0;
    if (sscanf(value, "%lu %d %n", &pin->tries, &vendors, &used) != 2 || strlen(value + used) != 32 + 1 + 64)
        return false;
    pin->vendors = vendors;
    pin->set = true;
    return from_hex(value + used, pin->salt, 16) && from_hex(value + used + 33, pin->digest, 32);
}

static bool line_parse(struct record *record, const char *name, const char *value) {
    if (strcmp(name, "label") == 0)
        snprintf(record->label, sizeof record->label, "%s", value);
    else if (strcmp(name, "serial") == 0)
        snprintf(record->serial, sizeof record->serial, "%s", value);
    else
        for (int user = 0; user < 2; user++)
            if (strcmp(name, pin_names[user]) == 0)
                return pin_parse(&record->pins[user], value);
    return true;
}

CK_RV record_read(const struct slot *slot, struct record *record) {
    char path[4096];
    unsigned char *content;
    size_t size;
    memset(record, 0, sizeof *record);
    snprintf(record->serial, sizeof record->serial, "%08lx", ((unsigned long)slot->inode * 2654435761UL) & 0xffffffffUL);
    slot_path(slot, "token", path, sizeof path);
    if (access(path, F_OK) != 0)
        return CKR_OK;
    if (!file_read(path, &content, &size))
        return CKR_DEVICE_ERROR;
    bool good = true;
    char *rest, *line = strtok_r((char *)content, "\n", &rest);
    for (; line && good; line = strtok_r(NULL, "\n", &rest)) {
        char *equals = strstr(line, " = ");
        good = equals;
        if (good) {
            *equals = 0;
            good = line_parse(record, line, equals + 3);
        }
    }
    free(content);
    record->initialized = true;
    struct options options;
    options_read(slot, &options);
    for (int user = 0; user < 2; user++) /* fewer tries than those left: told while the token was in use */
        if (record->pins[user].tries > options.tries)
            record->pins[user].tries = options.tries;
    return good ? CKR_OK : CKR_DEVICE_ERROR;
}

CK_RV record_write(const struct slot *slot, const struct record *record) {
    char path[4096], text[1024];
    int size = snprintf(text, sizeof text, "label = %s\nserial = %s\n", record->label, record->serial);
    for (int user = 0; user < 2; user++) {
        const struct pin *pin = &record->pins[user];
        char salt[33], digest[65];
        if (!pin->set)
            continue;
        to_hex(pin->salt, 16, salt);
        to_hex(pin->digest, 32, digest);
        size += snprintf(
            text + size, sizeof text - (size_t)size, "%s = %lu %d %s %s\n", pin_names[user], pin->tries, pin->vendors, salt,
            digest
        );
    }
    slot_path(slot, "token", path, sizeof path);
    return file_write(path, text, (size_t)size) ? CKR_OK : CKR_DEVICE_ERROR;
}

static bool digest_of(const struct pin *pin, const unsigned char *value, CK_ULONG size, unsigned char *digest) {
    static const unsigned char none; /* libgcrypt takes no empty password */
    return gcry_kdf_derive(
               size ? value : &none, size ? size : 1, GCRY_KDF_PBKDF2, GCRY_MD_SHA256, pin->salt, sizeof pin->salt, ROUNDS, 32,
               digest
           ) == 0;
}

CK_RV pin_make(struct pin *pin, CK_USER_TYPE user, const unsigned char *value, CK_ULONG size, CK_ULONG tries) {
    const char *vendors = vendors_pins[user];
    pin->set = true;
    pin->tries = tries;
    pin->vendors = size == strlen(vendors) && memcmp(value, vendors, size) == 0;
    if (RAND_bytes_ex(library_context(), pin->salt, sizeof pin->salt, 0) != 1)
        return CKR_DEVICE_ERROR;
    return digest_of(pin, value, size, pin->digest) ? CKR_OK : CKR_DEVICE_ERROR;
}

static CK_RV compare(struct pin *pin, const unsigned char *value, CK_ULONG size, CK_ULONG tries) {
    unsigned char digest[32];
    if (!digest_of(pin, value, size, digest))
        return CKR_DEVICE_ERROR;
    if (memcmp(digest, pin->digest, sizeof digest) != 0)
        return pin->tries ? CKR_PIN_INCORRECT : CKR_PIN_LOCKED;
    pin->tries = tries;
    return CKR_OK;
}

CK_RV pin_check(const struct slot *slot, CK_USER_TYPE user, const unsigned char *value, CK_ULONG size) {
    char path[4096];
    struct record record;
    struct options options;
    options_read(slot, &options);
    slot_path(slot, "", path, sizeof path);
    int lock = folder_lock(path);
    if (lock < 0)
        return CKR_DEVICE_ERROR;
    CK_RV rv = record_read(slot, &record);
    struct pin *pin = &record.pins[user];
    if (rv == CKR_OK && !pin->set)
        rv = CKR_USER_PIN_NOT_INITIALIZED;
    if (rv == CKR_OK && pin->tries == 0)
        rv = CKR_PIN_LOCKED;
    if (rv == CKR_OK && (size < options.shortest_pin || size > options.longest_pin))
        rv = CKR_PIN_LEN_RANGE;
    if (rv == CKR_OK) {
        pin->tries--;
        rv = record_write(slot, &record);
    }
    if (rv == CKR_OK)
        rv = compare(pin, value, size, options.tries);
    if (rv == CKR_OK)
        rv = record_write(slot, &record);
    close(lock);
    return rv;
}

CK_RV pin_change(const struct slot *slot, CK_USER_TYPE user, const unsigned char *value, CK_ULONG size) {
    char path[4096];
    struct record record;
    struct options options;
    options_read(slot, &options);
    if (size < options.shortest_pin || size > options.longest_pin)
        return CKR_PIN_LEN_RANGE;
    slot_path(slot, "", path, sizeof path);
    int lock = folder_lock(path);
    if (lock < 0)
        return CKR_DEVICE_ERROR;
    CK_RV rv = record_read(slot, &record);
    if (rv == CKR_OK)
        rv = pin_make(&record.pins[user], user, value, size, options.tries);
    if (rv == CKR_OK)
        rv = record_write(slot, &record);
    close(lock);
    return rv;
}
