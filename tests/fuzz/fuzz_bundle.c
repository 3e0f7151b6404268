/* SPDX-License-Identifier: MIT */
/* Fuzz target: tars of bundles and of tiles, as they are, and with the sums of
 * their headers made good, which no fuzzer guesses. They are verified by the
 * key that is in them. */
#include "config.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/die.h"
#include "lib/base/file.h"
#include "lib/proof/verify_parcel.h"
#include "tests/fuzz/fuzz.h"

#define BLOCK      512
#define UNPACKED_N ((uint64_t)1 << 20)

static bool key_get(const struct cf_parcel *parcel, struct cf_keys *keys)
{
  struct cf_vkey vkey;
  struct cf_buf b;
  cf_buf_init(&b, 1024);
  bool got = cf_parcel_get(parcel, CF_STR(CF_KEY_PATH), &b) == CF_OK && b.n > 0 &&
             cf_vkey_parse((struct cf_str){(const char *)b.p, b.n - 1}, &vkey) == CF_OK &&
             cf_keys_begin(keys, &vkey) == CF_OK;
  cf_buf_fini(&b);
  return got && cf_parcel_keys(parcel, CF_KEYS_HEAD, keys, NULL) == CF_OK;
}

static void parcel_check(const struct cf_parcel *parcel)
{
  struct cf_verify_result *result = calloc(1, sizeof *result);
  enum cf_verify_mode mode;
  struct cf_keys keys;
  struct cf_buf head;
  cf_keys_init(&keys);
  cf_buf_init(&head, CF_NOTE_MAX);
  CF_ASSERT(result != NULL);
  if (key_get(parcel, &keys) && cf_parcel_get(parcel, CF_STR(CF_HEAD_PATH), &head) == CF_OK) {
    struct cf_verify_job job = {.keys = &keys, .head = cf_buf_str(&head), .workers = 1};
    enum cf_err err = cf_parcel_is_bundle(parcel)
                          ? cf_verify_bundle(parcel, &job, NULL, &mode, result, NULL)
                          : cf_verify_tiles(parcel, &job, result, NULL);
    CF_ASSERT(err != CF_OK || result->ok == (result->errors_n == 0));
  }
  cf_buf_fini(&head);
  cf_keys_fini(&keys);
  free(result);
}

static void tar_check(struct cf_str bytes)
{
  struct cf_parcel parcel;
  struct cf_str head = {bytes.p, bytes.n < BLOCK ? bytes.n : BLOCK};
  int fd = memfd_create("bundle", MFD_CLOEXEC);
  CF_ASSERT(fd >= 0 && cf_file_write(fd, bytes));
  CF_ASSERT(lseek(fd, (off_t)head.n, SEEK_SET) >= 0);
  cf_parcel_init(&parcel);
  if (cf_parcel_open_tar(&parcel, fd, head, UNPACKED_N, NULL) == CF_OK)
    parcel_check(&parcel);
  cf_parcel_fini(&parcel);
  close(fd);
}

static void sums_mend(uint8_t *p, size_t n)
{
  for (; n >= BLOCK; p += BLOCK, n -= BLOCK) {
    unsigned sum = 0;
    if (memcmp(p + 257, "ustar", 5) != 0)
      continue;
    memset(p + 148, ' ', 8);
    for (size_t i = 0; i < BLOCK; i++)
      sum += p[i];
    for (size_t i = 6; i-- > 0; sum >>= 3)
      p[148 + i] = (uint8_t)('0' + (sum & 7));
    p[154] = '\0';
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  uint8_t *copy = malloc(size > 0 ? size : 1);
  CF_ASSERT(copy != NULL);
  memcpy(copy, data, size);
  tar_check((struct cf_str){(const char *)data, size});
  sums_mend(copy, size);
  tar_check((struct cf_str){(const char *)copy, size});
  free(copy);
  return 0;
}
