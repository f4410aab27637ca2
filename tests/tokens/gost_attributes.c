/* Lists of attributes that own their values. */
#include "gost.h"

#include <stdlib.h>
#include <string.h>

CK_ATTRIBUTE *attribute_in(const struct attributes *attributes, CK_ATTRIBUTE_TYPE type) {
    for (CK_ULONG place = 0; place < attributes->count; place++)
        if (attributes->items[place].type == type)
            return &attributes->items[place];
    return NULL;
}

bool flag_in(const struct attributes *attributes, CK_ATTRIBUTE_TYPE type) {
    const CK_ATTRIBUTE *found = attribute_in(attributes, type);
    return found && found->pValue && found->ulValueLen == 1 && *(const CK_BBOOL *)found->pValue;
}

CK_ULONG number_in(const struct attributes *attributes, CK_ATTRIBUTE_TYPE type) {
    const CK_ATTRIBUTE *found = attribute_in(attributes, type);
    CK_ULONG number = CK_UNAVAILABLE_INFORMATION;
    if (found && found->pValue && found->ulValueLen == sizeof number)
        memcpy(&number, found->pValue, sizeof number);
    return number;
}

CK_RV attribute_set(struct attributes *attributes, CK_ATTRIBUTE_TYPE type, const void *value, CK_ULONG size) {
    void *copy = malloc(size ? size : 1);
    if (!copy)
        return CKR_HOST_MEMORY;
    if (size)
        memcpy(copy, value, size);
    CK_ATTRIBUTE *item = attribute_in(attributes, type);
    if (!item) {
        CK_ATTRIBUTE *more = realloc(attributes->items, (attributes->count + 1) * sizeof *more);
        if (!more) {
            free(copy);
            return CKR_HOST_MEMORY;
        }
        attributes->items = more;
        item = &more[attributes->count++];
        *item = (CK_ATTRIBUTE){.type = type};
    }
    free(item->pValue);
    item->pValue = copy;
    item->ulValueLen = size;
    return CKR_OK;
}

CK_RV number_set(struct attributes *attributes, CK_ATTRIBUTE_TYPE type, CK_ULONG number) {
    return attribute_set(attributes, type, &number, sizeof number);
}

CK_RV flag_set(struct attributes *attributes, CK_ATTRIBUTE_TYPE type, bool flag) {
    CK_BBOOL value = flag ? CK_TRUE : CK_FALSE;
    return attribute_set(attributes, type, &value, sizeof value);
}

CK_RV attributes_copy(struct attributes *to, const struct attributes *from) {
    CK_RV rv = CKR_OK;
    *to = (struct attributes){0};
    for (CK_ULONG place = 0; place < from->count && rv == CKR_OK; place++) {
        const CK_ATTRIBUTE *item = &from->items[place];
        rv = attribute_set(to, item->type, item->pValue, item->ulValueLen);
    }
    if (rv != CKR_OK)
        attributes_free(to);
    return rv;
}

void attributes_free(struct attributes *attributes) {
    for (CK_ULONG place = 0; place < attributes->count; place++)
        free(attributes->items[place].pValue);
    free(attributes->items);
    *attributes = (struct attributes){0};
}

struct attributes template_of(CK_ATTRIBUTE *items, CK_ULONG count) {
    return (struct attributes){items, count};
}

CK_RV attribute_share(struct attributes *to, const struct attributes *from, CK_ATTRIBUTE_TYPE type) {
    const CK_ATTRIBUTE *item = attribute_in(from, type);
    return item ? attribute_set(to, type, item->pValue, item->ulValueLen) : CKR_OK;
}
