/* A token of software behind PKCS#11 v2.40: GOST R 34.10-2012, RSA and EC. What it does and how it is told: README.md.
 *
 * Every entry point holds one lock (gost_module.c). What is below it is called with that lock held.
 */
#ifndef PERO_GOST_H
#define PERO_GOST_H

#include <gcrypt.h>
#include <openssl/types.h>
#include <p11-kit/pkcs11.h>
#include <p11-kit/pkcs11x.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

#define SLOTS 15
#define NAME_SIZE 256
#define NOBODY CK_UNAVAILABLE_INFORMATION /* as struct slot.user: nobody has logged in */
#define SIGNATURE_LIMIT 1024              /* bytes */
#define GOST_LIMIT 64                     /* bytes of a number of GOST R 34.10-2012 */

/* ---- Attributes: gost_attributes.c, gost_schema.c */

struct attributes {
    CK_ATTRIBUTE *items;
    CK_ULONG count;
};

/* NULL: absent. Good until the next attribute is set. */
CK_ATTRIBUTE *attribute_in(const struct attributes *attributes, CK_ATTRIBUTE_TYPE type);
bool flag_in(const struct attributes *attributes, CK_ATTRIBUTE_TYPE type);               /* absent is false */
CK_ULONG number_in(const struct attributes *attributes, CK_ATTRIBUTE_TYPE type); /* absent: CK_UNAVAILABLE_INFORMATION */
CK_RV attribute_set(struct attributes *attributes, CK_ATTRIBUTE_TYPE type, const void *value, CK_ULONG size);
CK_RV number_set(struct attributes *attributes, CK_ATTRIBUTE_TYPE type, CK_ULONG number);
CK_RV flag_set(struct attributes *attributes, CK_ATTRIBUTE_TYPE type, bool flag);
CK_RV attribute_share(struct attributes *to, const struct attributes *from, CK_ATTRIBUTE_TYPE type); /* where it is there */
CK_RV attributes_copy(struct attributes *to, const struct attributes *from);
void attributes_free(struct attributes *attributes);

/* A template of the caller's, seen as attributes. */
struct attributes template_of(CK_ATTRIBUTE *items, CK_ULONG count);

enum making { CREATED, GENERATED };
/* A whole object out of a template: types and sizes checked, defaults filled in. `given` must name the class, and the
 * key type of a key. A security officer may mark what is trusted. */
CK_RV schema_make(struct attributes *made, const struct attributes *given, enum making making, bool officer);
/* Apply a template of C_SetAttributeValue. */
CK_RV schema_change(struct attributes *object, const struct attributes *given);
/* Whether an attribute of this object is kept from everyone. */
bool schema_hides(const struct attributes *object, CK_ATTRIBUTE_TYPE type);

/* ---- Slots, tokens, sessions, objects */

struct version { /* of a file */
    ino_t inode;
    struct timespec written;
};

struct object {
    CK_OBJECT_HANDLE handle;
    CK_SESSION_HANDLE session; /* that it ends with; 0: an object of the token */
    char file[NAME_SIZE];      /* empty: an object of a session */
    struct version version;
    struct attributes attributes;
    struct object *next;
};

struct slot {
    CK_SLOT_ID id;
    bool present; /* a token is in it */
    bool changed; /* since C_WaitForSlotEvent told of it */
    char folder[NAME_SIZE];
    dev_t device;
    ino_t inode;
    CK_USER_TYPE user;
    struct object *objects;
};

struct mechanism {
    CK_MECHANISM_TYPE type;
    CK_KEY_TYPE key;       /* NO_KEY: none */
    int hash;              /* of libgcrypt, 0: none */
    CK_ULONG data_size;    /* bytes that a mechanism without a hash takes exactly, 0: any */
    const char *hash_oid;  /* DER that may stand as its parameter, NULL: none may */
    CK_ULONG minimum, maximum; /* bits of the key */
    CK_FLAGS flags;
};
#define NO_KEY CK_UNAVAILABLE_INFORMATION

struct operation { /* under way while it has a mechanism */
    const struct mechanism *mechanism;
    CK_OBJECT_HANDLE key;
    bool login_wanted; /* CKA_ALWAYS_AUTHENTICATE */
    bool updated;      /* it has been given a part of its data */
    gcry_md_hd_t hash;
};

struct session {
    CK_SESSION_HANDLE handle;
    struct slot *slot;
    CK_FLAGS flags;
    struct operation sign, verify, digest;
    struct {
        bool active;
        CK_OBJECT_HANDLE *handles;
        CK_ULONG count, told;
    } search;
    struct session *next;
};

/* gost_module.c */
CK_RV enter(const char *call);
void leave(void);
const char *current_call(void);
OSSL_LIB_CTX *library_context(void); /* our own, so that OpenSSL's state of the application is left alone */

/* Begins an entry point: its body, with the lock held, follows. */
#define ENTRY(NAME, PARAMETERS, ARGUMENTS) \
    static CK_RV NAME##_locked PARAMETERS; \
    CK_RV NAME PARAMETERS { \
        CK_RV rv = enter(#NAME); \
        if (rv == CKR_OK) { \
            rv = NAME##_locked ARGUMENTS; \
            leave(); \
        } \
        return rv; \
    } \
    static CK_RV NAME##_locked PARAMETERS

/* gost_slots.c */
CK_RV slots_begin(void);
void slots_end(void);
CK_RV slot_with_token(CK_SLOT_ID id, struct slot **slot); /* CKR_SLOT_ID_INVALID, CKR_TOKEN_NOT_PRESENT */
bool slot_still_present(struct slot *slot);               /* a token that is gone takes its sessions with it */
void slot_path(const struct slot *slot, const char *name, char *path, size_t size);

/* gost_sessions.c */
CK_RV session_of(CK_SESSION_HANDLE handle, struct session **session);
bool any_session(const struct slot *slot, CK_FLAGS without); /* CKF_RW_SESSION: any read-only one */
void sessions_close(const struct slot *slot);                /* NULL: those of all slots */
CK_ULONG sessions_count(const struct slot *slot, CK_FLAGS with);
bool login_for_operation_wanted(const struct session *session);
void login_for_operation_done(struct session *session);
void operation_end(struct operation *operation);

/* gost_store.c: objects in memory and in the token's folder */
void store_sync(struct slot *slot); /* take over what other processes did */
void store_forget(struct slot *slot);
void store_end_session(struct slot *slot, CK_SESSION_HANDLE session);
void store_logout(struct slot *slot); /* private objects: handles become void, session objects go */
CK_RV store_erase(struct slot *slot);
CK_RV store_add(struct slot *slot, CK_SESSION_HANDLE session, struct attributes *attributes, CK_OBJECT_HANDLE *handle);
CK_RV store_replace(struct slot *slot, struct object *object, struct attributes *attributes);
CK_RV store_remove(struct slot *slot, struct object *object);
struct object *object_of(struct session *session, CK_OBJECT_HANDLE handle); /* NULL: none that can be seen */
bool object_visible(const struct session *session, const struct object *object);

/* gost_objects.c: takes the attributes over, whatever it answers */
CK_RV object_add(struct session *session, struct attributes *attributes, CK_OBJECT_HANDLE *handle);

/* gost_files.c */
bool file_read(const char *path, unsigned char **content, size_t *size); /* to be freed; a zero byte follows it */
bool file_write(const char *path, const void *content, size_t size);     /* the whole of it or nothing */
int folder_lock(const char *path);                                       /* against other processes; close() ends it */

/* ---- What a token keeps about itself: gost_record.c; PINs: gost_pins.c */

struct pin {
    bool set;
    bool vendors; /* the one that tokens leave the factory with */
    CK_ULONG tries; /* left */
    unsigned char salt[16], digest[32];
};

struct record {
    bool initialized;
    char label[33], serial[17];
    struct pin pins[2]; /* CKU_SO, CKU_USER */
};

CK_RV record_read(const struct slot *slot, struct record *record);
CK_RV record_write(const struct slot *slot, const struct record *record);
CK_RV pin_make(struct pin *pin, CK_USER_TYPE user, const unsigned char *value, CK_ULONG size, CK_ULONG tries);
/* Compare a PIN; a try is spent before the comparison and given back after it. */
CK_RV pin_check(const struct slot *slot, CK_USER_TYPE user, const unsigned char *value, CK_ULONG size);
CK_RV pin_change(const struct slot *slot, CK_USER_TYPE user, const unsigned char *value, CK_ULONG size);
/* The PIN that a call means: the given one, or what is typed at the reader. CKR_ARGUMENTS_BAD, CKR_FUNCTION_CANCELED */
struct typed {
    unsigned char value[256];
    CK_ULONG size;
};
CK_RV pin_typed(const struct slot *slot, const unsigned char *given, CK_ULONG size, struct typed *typed);

/* ---- Options: gost_options.c */

enum order { STANDARD, SWAPPED, REVERSED };
struct options {
    enum order signature_order, digest_order;
    bool protected_path, pin_expired, value_wrapped;
    CK_ULONG shortest_pin, longest_pin, tries;
    char manufacturer[33], model[17], serial[17];
    CK_MECHANISM_TYPE without[32];
    size_t without_count;
    CK_ULONG delay; /* milliseconds, of the call under way */
};
void options_read(const struct slot *slot, struct options *options);

/* ---- Mechanisms and keys */

const struct mechanism *mechanism_of(const struct slot *slot, CK_MECHANISM_TYPE type); /* NULL: not on this token */
CK_RV mechanism_parameter_check(const struct mechanism *mechanism, const CK_MECHANISM *given);

struct family { /* of keys */
    CK_KEY_TYPE type;
    CK_RV (*check)(struct attributes *key); /* material that was brought from outside; completes it */
    CK_ULONG (*bits)(const struct attributes *key);
    CK_ULONG (*signature_size)(const struct attributes *key); /* bytes */
    CK_RV (*sign)(const struct attributes *key, int hash, const unsigned char *data, size_t size, unsigned char *signature);
    CK_RV (*verify)(
        const struct attributes *key, int hash, const unsigned char *data, size_t size, const unsigned char *signature
    );
    CK_RV (*generate)(struct attributes *public, struct attributes *private);
};
extern const struct family rsa_family, ec_family, gost256_family, gost512_family;
const struct family *family_of(CK_KEY_TYPE type); /* NULL: none of ours */

/* gost_curves.c: numbers in hexadecimal */
struct curve {
    const char *oids[4]; /* DER, in hexadecimal */
    const char *p, *q, *a, *b, *x, *y;
    unsigned cofactor;
    size_t size; /* bytes of a coordinate */
};
const struct curve *curve_of(const CK_ATTRIBUTE *parameters, size_t size); /* NULL: none of this size */

#endif
