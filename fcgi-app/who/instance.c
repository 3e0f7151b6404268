/* SPDX-License-Identifier: MIT */
/* The secret in the signer's directory. */
#include "config.h"

#include "fcgi-app/who/instance_in.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/codec.h"
#include "lib/base/crypto.h"
#include "lib/base/file.h"

#define FILE_NAME "instance"
#define RANDOM_N  32
_Static_assert(CF_INSTANCE_N == RANDOM_N + 8 + 8, "random bytes, inode, time of change");

/* NULL: the signer's directory is another's, and there can be no secret. */
static int open_directory(const char *signer)
{
  return signer == NULL ? -1 : open(signer, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static enum cf_err secret_read(int fd, uint8_t secret[CF_INSTANCE_N])
{
  struct stat st;
  struct cf_buf b;
  char room[RANDOM_N + 1];
  cf_buf_fixed(&b, room, sizeof room);
  if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || cf_file_read_all(fd, &b) != CF_OK ||
      b.n != RANDOM_N)
    return CF_E_NOTFOUND;
  memcpy(secret, b.p, RANDOM_N);
  cf_u64_put(secret + RANDOM_N, (uint64_t)st.st_ino);
  cf_u64_put(secret + RANDOM_N + 8,
             (uint64_t)st.st_ctim.tv_sec * 1000000000 + (uint64_t)st.st_ctim.tv_nsec);
  return CF_OK;
}

enum cf_err cf_instance_get(const char *signer, uint8_t secret[CF_INSTANCE_N])
{
  int directory = open_directory(signer);
  if (directory < 0)
    return CF_E_NOTFOUND;
  int fd = openat(directory, FILE_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  enum cf_err err = fd < 0 ? CF_E_NOTFOUND : secret_read(fd, secret);
  if (fd >= 0)
    close(fd);
  close(directory);
  return err;
}

enum cf_err cf_instance_renew(const char *signer, uint8_t secret[CF_INSTANCE_N])
{
  uint8_t fresh[RANDOM_N];
  int directory = open_directory(signer);
  if (directory < 0)
    return CF_E_NOTFOUND;
  cf_random(fresh, sizeof fresh);
  enum cf_err err = cf_file_replace(directory, FILE_NAME, 0600,
                                    (struct cf_str){(const char *)fresh, sizeof fresh});
  close(directory);
  return err == CF_OK ? cf_instance_get(signer, secret) : err;
}

void cf_instance_forget(const char *signer)
{
  int directory = open_directory(signer);
  if (directory < 0)
    return;
  (void)unlinkat(directory, FILE_NAME, 0);
  (void)fsync(directory);
  close(directory);
}
