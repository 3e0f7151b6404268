/* SPDX-License-Identifier: MIT */
/* PKCS#11, as far as one key that signs needs it. */
#include "config.h"

#include "lib/proof/token_key.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <p11-kit/pkcs11.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/codec.h"
#include "lib/base/file.h"
#include "lib/base/signer_place.h"

#define SLOTS_MAX 64
#define WORD_MAX  256
#define PIN_MAX   256

struct cf_token_key {
  void *module;
  CK_FUNCTION_LIST_PTR calls; /* NULL: not begun */
  bool ours;                  /* begun here, and to be ended here */
  CK_SESSION_HANDLE session;  /* 0: none */
  CK_OBJECT_HANDLE key;
  uint8_t pubkey[CF_PUBKEY_N];
};

/* The value of an attribute, decoded. CF_E_CONFIG. */
static enum cf_err word_get(const char *place, const char *name, char word[WORD_MAX],
                            struct cf_fault *fault)
{
  struct cf_buf b;
  cf_buf_fixed(&b, word, WORD_MAX);
  struct cf_str value = cf_signer_attribute(cf_str_from(place), name);
  enum cf_err err = value.n > 0 ? cf_url_get(value, false, &b) : CF_E_CONFIG;
  if (err == CF_OK && b.n < WORD_MAX - 1) {
    word[b.n] = 0;
    return CF_OK;
  }
  return cf_fail(fault, CF_E_CONFIG, "signer", "the PKCS#11 URI has no usable %s=", name);
}

static enum cf_err module_load(struct cf_token_key *k, const char *path, struct cf_fault *fault)
{
  CK_C_GetFunctionList list;
  CK_C_INITIALIZE_ARGS threads = {.flags = CKF_OS_LOCKING_OK};
  k->module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  void *symbol = k->module != NULL ? dlsym(k->module, "C_GetFunctionList") : NULL;
  if (symbol == NULL)
    return cf_fail(fault, CF_E_CONFIG, path, "this is no PKCS#11 module that can be loaded");
  memcpy(&list, &symbol, sizeof list);
  if (list(&k->calls) != CKR_OK)
    k->calls = NULL;
  CK_RV rv = k->calls != NULL ? k->calls->C_Initialize(&threads) : CKR_GENERAL_ERROR;
  k->ours = rv == CKR_OK;
  return rv == CKR_OK || rv == CKR_CRYPTOKI_ALREADY_INITIALIZED
             ? CF_OK
             : cf_fail(fault, CF_E_CONFIG, path, "the PKCS#11 module does not begin (0x%lx)", rv);
}

/* A label is filled with spaces to its end. */
static bool label_is(const CK_TOKEN_INFO *info, const char *label)
{
  size_t n = strlen(label);
  for (size_t i = n; i < sizeof info->label; i++)
    if (info->label[i] != ' ')
      return false;
  return n <= sizeof info->label && memcmp(info->label, label, n) == 0;
}

static enum cf_err session_open(struct cf_token_key *k, const char *label, struct cf_fault *fault)
{
  CK_SLOT_ID slots[SLOTS_MAX];
  CK_ULONG n = SLOTS_MAX;
  CK_TOKEN_INFO info;
  if (k->calls->C_GetSlotList(CK_TRUE, slots, &n) != CKR_OK)
    n = 0;
  for (CK_ULONG i = 0; i < n; i++)
    if (k->calls->C_GetTokenInfo(slots[i], &info) == CKR_OK && label_is(&info, label) &&
        k->calls->C_OpenSession(slots[i], CKF_SERIAL_SESSION, NULL, NULL, &k->session) == CKR_OK)
      return CF_OK;
  return cf_fail(fault, CF_E_CONFIG, "signer",
                 "there is no token %s: plug it in, or see what the module has (pkcs11-tool -L)",
                 label);
}

/* Whoever else may read the PIN has the key. */
static enum cf_err login(struct cf_token_key *k, const char *file, struct cf_fault *fault)
{
  char room[PIN_MAX + 1];
  struct cf_buf b;
  mode_t mode = 0;
  cf_buf_fixed(&b, room, sizeof room);
  enum cf_err err = cf_file_get(AT_FDCWD, file, &b, &mode, fault);
  if (err == CF_OK && (mode & 077) != 0)
    err = cf_fail(fault, CF_E_CONFIG, file, "others may read the PIN: chmod 600");
  else if (err == CF_E_NOTFOUND)
    err = cf_fail(fault, CF_E_CONFIG, file, "there is no file with the token's PIN");
  struct cf_str left = cf_buf_str(&b), pin = cf_str_cut(&left, '\n');
  if (err == CF_OK) {
    CK_RV rv = k->calls->C_Login(k->session, CKU_USER, (CK_UTF8CHAR_PTR)(uintptr_t)pin.p, pin.n);
    if (rv != CKR_OK && rv != CKR_USER_ALREADY_LOGGED_IN)
      err = cf_fail(fault, CF_E_CONFIG, file, "the token does not take the PIN (0x%lx)", rv);
  }
  cf_wipe(room, sizeof room);
  return err;
}

static bool object_find(struct cf_token_key *k, CK_OBJECT_CLASS class, char *label,
                        CK_OBJECT_HANDLE *object)
{
  CK_KEY_TYPE type = CKK_EC_EDWARDS;
  CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &class, sizeof class},
                           {CKA_KEY_TYPE, &type, sizeof type},
                           {CKA_LABEL, label, strlen(label)}};
  CK_ULONG n = 0;
  CK_OBJECT_HANDLE found[2];
  if (k->calls->C_FindObjectsInit(k->session, wanted, 3) != CKR_OK)
    return false;
  bool one = k->calls->C_FindObjects(k->session, found, 2, &n) == CKR_OK && n == 1;
  (void)k->calls->C_FindObjectsFinal(k->session);
  if (one)
    *object = found[0];
  return one;
}

/* The point is 32 bytes, as they are or in an OCTET STRING. */
static bool point_get(struct cf_token_key *k, CK_OBJECT_HANDLE object)
{
  uint8_t point[CF_PUBKEY_N + 2];
  CK_ATTRIBUTE asked = {CKA_EC_POINT, point, sizeof point};
  if (k->calls->C_GetAttributeValue(k->session, object, &asked, 1) != CKR_OK)
    return false;
  bool wrapped = asked.ulValueLen == sizeof point && point[0] == 0x04 && point[1] == CF_PUBKEY_N;
  if (!wrapped && asked.ulValueLen != CF_PUBKEY_N)
    return false;
  memcpy(k->pubkey, point + (wrapped ? 2 : 0), CF_PUBKEY_N);
  return true;
}

static enum cf_err key_find(struct cf_token_key *k, char *label, struct cf_fault *fault)
{
  CK_OBJECT_HANDLE public;
  uint8_t signature[CF_SIG_N];
  if (!object_find(k, CKO_PRIVATE_KEY, label, &k->key) ||
      !object_find(k, CKO_PUBLIC_KEY, label, &public) || !point_get(k, public))
    return cf_fail(fault, CF_E_CONFIG, "signer",
                   "the token has not just one Ed25519 key pair %s: pkcs11-tool --keypairgen "
                   "--key-type EC:edwards25519 --label %s",
                   label, label);
  return cf_token_key_sign(k, label, strlen(label), signature) == CF_OK
             ? CF_OK
             : cf_fail(fault, CF_E_CONFIG, "signer", "the token's key %s does not sign (CKM_EDDSA)",
                       label);
}

enum cf_err cf_token_key_open(const char *place, struct cf_token_key **key, struct cf_fault *fault)
{
  char module[WORD_MAX], token[WORD_MAX], object[WORD_MAX], pin[WORD_MAX];
  struct cf_token_key *k = calloc(1, sizeof *k);
  if (k == NULL)
    return CF_E_NOMEM;
  enum cf_err err = word_get(place, "module-path", module, fault);
  if (err == CF_OK)
    err = word_get(place, "token", token, fault);
  if (err == CF_OK)
    err = word_get(place, "object", object, fault);
  if (err == CF_OK)
    err = word_get(place, "pin-source", pin, fault);
  if (err == CF_OK)
    err = module_load(k, module, fault);
  if (err == CF_OK)
    err = session_open(k, token, fault);
  if (err == CF_OK)
    err = login(k, strncmp(pin, "file:", 5) == 0 ? pin + 5 : pin, fault);
  if (err == CF_OK)
    err = key_find(k, object, fault);
  if (err == CF_OK)
    *key = k;
  else
    cf_token_key_close(k);
  return err;
}

void cf_token_key_close(struct cf_token_key *key)
{
  if (key == NULL)
    return;
  if (key->session != 0)
    (void)key->calls->C_CloseSession(key->session);
  if (key->ours)
    (void)key->calls->C_Finalize(NULL);
  if (key->module != NULL)
    (void)dlclose(key->module);
  free(key);
}

void cf_token_key_public(const struct cf_token_key *key, uint8_t pubkey[CF_PUBKEY_N])
{
  memcpy(pubkey, key->pubkey, CF_PUBKEY_N);
}

enum cf_err cf_token_key_sign(struct cf_token_key *key, const void *p, size_t n,
                              uint8_t signature[CF_SIG_N])
{
  CK_MECHANISM mechanism = {.mechanism = CKM_EDDSA};
  CK_ULONG got = CF_SIG_N;
  if (key->calls->C_SignInit(key->session, &mechanism, key->key) != CKR_OK ||
      key->calls->C_Sign(key->session, (CK_BYTE_PTR)(uintptr_t)p, n, signature, &got) != CKR_OK ||
      got != CF_SIG_N)
    return CF_E_CRYPTO;
  return cf_ed25519_check(key->pubkey, p, n, signature) == CF_OK ? CF_OK : CF_E_CRYPTO;
}
