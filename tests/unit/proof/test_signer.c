/* SPDX-License-Identifier: MIT */
/* The signer: what it remembers over restarts, what it refuses to sign, and
 * that whatever a crash leaves behind opens again. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/proof/signer.h"
#include "tests/unit/cf_test.h"
#include "tests/unit/temp_dir.h"

#define ORIGIN CF_STR("audit.example.org/main")
#define LEAVES 200

static char directory[300];
static uint8_t leaf[LEAVES][CF_HASH_N];
static struct cf_signer *signer;
static struct cf_buf note;
static struct cf_fault fault;

static enum cf_err leaves_get(void *context, unsigned level, uint64_t first, size_t n, uint8_t *out)
{
  if (context)
    return CF_E_DAMAGED;
  ck_assert(level == 0 && first + n <= LEAVES);
  memcpy(out, leaf[first], n * CF_HASH_N);
  return CF_OK;
}
static const struct cf_hashes hashes = {.get = leaves_get};

static int no_links; /* what linkat fails with, or 0 */

int linkat(int from, const char *old, int to, const char *fresh, int flags)
{
  errno = no_links;
  return no_links != 0 ? -1 : (int)syscall(SYS_linkat, from, old, to, fresh, flags);
}

static const char *at(const char *name)
{
  char inside[80];
  snprintf(inside, sizeof inside, "signer/%s", name);
  return temp_path(inside);
}

static size_t read_file(const char *name, char *content, size_t max)
{
  FILE *f = fopen(at(name), "rb");
  ck_assert_msg(f != NULL, "%s is not there", name);
  size_t n = fread(content, 1, max - 1, f);
  content[n] = '\0';
  fclose(f);
  return n;
}

static mode_t mode_of(const char *path)
{
  struct stat st;
  ck_assert_int_eq(stat(path, &st), 0);
  return st.st_mode & 07777;
}

static void OPEN(void)
{
  enum cf_err err = cf_signer_open(directory, ORIGIN, &signer, &fault);
  ck_assert_msg(err == CF_OK, "%s: %s %s", cf_err_word(err), fault.at, fault.detail);
}

static void CLOSE(void)
{
  cf_signer_close(signer);
  signer = NULL;
}

static void REOPEN(void)
{
  CLOSE();
  OPEN();
}

static enum cf_err SIGN(uint64_t size)
{
  uint8_t root[CF_HASH_N];
  ck_assert_ok(cf_tree_root(&hashes, size, root));
  cf_buf_reset(&note);
  return cf_signer_sign(signer, size, root, &hashes, &note, &fault);
}

static void SIGNED(uint64_t size)
{
  struct cf_checkpoint last;
  ck_assert(cf_signer_last(signer, &last));
  ck_assert_uint_eq(last.size, size);
}

static void begin(void)
{
  for (size_t i = 0; i < LEAVES; i++)
    cf_sha256_1(&i, sizeof i, leaf[i]);
  temp_make("signer");
  snprintf(directory, sizeof directory, "%s", temp_path("signer"));
  cf_buf_init(&note, CF_NOTE_MAX);
  umask(022);
  ck_assert_ok(cf_signer_create(directory, ORIGIN, NULL, &fault));
  OPEN();
}

static void end(void)
{
  cf_signer_close(signer);
  cf_buf_fini(&note);
  temp_remove();
}

/* ---- making and opening ---- */

START_TEST(created)
{
  char key[600], vkey[600];
  struct cf_buf want;
  struct cf_checkpoint last = {.size = 77};
  ck_assert_uint_eq(mode_of(directory), 0700);
  ck_assert_uint_eq(mode_of(at("key")), 0600);
  read_file("key", key, sizeof key);
  ck_assert_msg(strncmp(key, "PRIVATE+KEY+audit.example.org/main+", 35) == 0,
                "the key file begins otherwise");
  cf_buf_init(&want, 600);
  cf_vkey_put(cf_signer_vkey(signer), &want);
  cf_buf_putc(&want, '\n');
  read_file("vkey", vkey, sizeof vkey);
  ck_assert_str_eq(vkey, cf_buf_cstr(&want));
  cf_buf_fini(&want);
  ck_assert(!cf_signer_last(signer, &last) && last.size == 77);
  ck_assert_uint_eq(cf_signer_note(signer).n, 0);
  ck_assert_int_ne(access(at("key.new"), F_OK), 0);
}
END_TEST

START_TEST(created_from_seed)
{
  const uint8_t seed[CF_SEED_N] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                   16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};
  char vkey[600];
  CLOSE();
  unlink(at("key"));
  ck_assert_ok(cf_signer_create(directory, ORIGIN, seed, &fault));
  read_file("vkey", vkey, sizeof vkey);
  ck_assert_str_eq(
      vkey, "audit.example.org/main+bdf73ba7+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4\n");
  OPEN();
}
END_TEST

/* Two made by chance differ; one that is there stays. */
START_TEST(created_once)
{
  char before[600], after[600];
  read_file("key", before, sizeof before);
  ck_assert_err(cf_signer_create(directory, ORIGIN, NULL, &fault), CF_E_LOCKED);
  CLOSE();
  ck_assert_err(cf_signer_create(directory, ORIGIN, NULL, &fault), CF_E_CONFLICT);
  read_file("key", after, sizeof after);
  ck_assert_str_eq(before, after);
  unlink(at("key"));
  ck_assert_ok(cf_signer_create(directory, ORIGIN, NULL, &fault));
  read_file("key", after, sizeof after);
  ck_assert_str_ne(before, after);
}
END_TEST

START_TEST(open_once)
{
  struct cf_signer *other = NULL;
  ck_assert_err(cf_signer_open(directory, ORIGIN, &other, &fault), CF_E_LOCKED);
  ck_assert_ptr_null(other);
  REOPEN();
}
END_TEST

static void refused(enum cf_err want)
{
  struct cf_signer *other = NULL;
  CLOSE();
  ck_assert_err(cf_signer_open(directory, ORIGIN, &other, &fault), want);
  ck_assert_ptr_null(other);
}

static const mode_t loose[] = {0640, 0604, 0620, 0602, 0610, 0601, 0666};

START_TEST(refuses_loose_key)
{
  ck_assert_int_eq(chmod(at("key"), loose[_i]), 0);
  refused(CF_E_CONFIG);
  ck_assert_str_eq(strrchr(fault.at, '/'), "/key");
}
END_TEST

static const mode_t open_to_others[] = {0720, 0702, 0777, 01777};

START_TEST(refuses_loose_directory)
{
  CLOSE();
  ck_assert_int_eq(chmod(directory, open_to_others[_i]), 0);
  ck_assert_err(cf_signer_open(directory, ORIGIN, &signer, &fault), CF_E_CONFIG);
  ck_assert_err(cf_signer_create(directory, ORIGIN, NULL, &fault), CF_E_CONFIG);
  ck_assert_int_eq(chmod(directory, 0755), 0);
  OPEN();
}
END_TEST

START_TEST(refuses_other_origin)
{
  struct cf_signer *other = NULL;
  CLOSE();
  ck_assert_err(cf_signer_open(directory, CF_STR("audit.example.org/other"), &other, &fault),
                CF_E_CONFIG);
}
END_TEST

START_TEST(refuses_missing)
{
  unlink(at("key"));
  refused(CF_E_CONFIG);
  ck_assert_err(cf_signer_open(at("nowhere"), ORIGIN, &signer, &fault), CF_E_SYSTEM);
}
END_TEST

/* Whatever byte of it is changed: a key that opens is the key that was made. */
START_TEST(refuses_changed_key)
{
  char key[600], bad[600];
  struct cf_vkey was = *cf_signer_vkey(signer);
  size_t n = read_file("key", key, sizeof key);
  CLOSE();
  for (size_t i = 0; i < n; i++) {
    memcpy(bad, key, n);
    bad[i] ^= 1;
    temp_write(at("key"), (struct cf_str){bad, n}, 0600);
    ck_assert_err(cf_signer_open(directory, ORIGIN, &signer, &fault), CF_E_CONFIG);
  }
  for (size_t i = 0; i < n; i++) {
    temp_write(at("key"), (struct cf_str){key, i}, 0600);
    ck_assert_err(cf_signer_open(directory, ORIGIN, &signer, &fault), CF_E_CONFIG);
  }
  temp_write(at("key"), (struct cf_str){key, n}, 0600);
  OPEN();
  ck_assert_bytes(cf_signer_vkey(signer), sizeof was, &was, sizeof was);
}
END_TEST

START_TEST(refuses_changed_state)
{
  char state[1000], bad[1000];
  ck_assert_ok(SIGN(9));
  size_t n = read_file("state", state, sizeof state);
  CLOSE();
  for (size_t i = 0; i <= n; i++) {
    memcpy(bad, state, n);
    if (i < n)
      bad[i] ^= 1;
    temp_write(at("state"), (struct cf_str){bad, i < n ? n : 0}, 0600);
    ck_assert_err(cf_signer_open(directory, ORIGIN, &signer, &fault), CF_E_CONFIG);
  }
  memset(bad, 'x', sizeof bad);
  unlink(at("state"));
  ck_assert_int_eq(mkdir(at("state"), 0700), 0);
  ck_assert_err(cf_signer_open(directory, ORIGIN, &signer, &fault), CF_E_CONFIG);
}
END_TEST

/* The key may have signed for somebody else: that is no state of this
 * ledger. */
START_TEST(refuses_state_of_another)
{
  uint8_t seed[CF_SEED_N] = {5}, pubkey[CF_PUBKEY_N];
  struct cf_checkpoint checkpoint = {.origin = "audit.example.org/other", .size = 3};
  struct cf_vkey vkey;
  struct cf_buf text;
  CLOSE();
  unlink(at("key"));
  ck_assert_ok(cf_signer_create(directory, ORIGIN, seed, &fault));
  ck_assert_ok(cf_ed25519_public(seed, pubkey));
  cf_vkey_make(ORIGIN, pubkey, &vkey);
  cf_buf_init(&text, 1000);
  cf_checkpoint_put(&checkpoint, &text);
  cf_buf_putstr(&note, cf_buf_str(&text));
  cf_buf_putc(&note, '\n');
  ck_assert_ok(cf_note_sign(cf_buf_str(&text), &vkey, seed, &note));
  temp_write(at("state"), cf_buf_str(&note), 0600);
  cf_buf_fini(&text);
  ck_assert_err(cf_signer_open(directory, ORIGIN, &signer, &fault), CF_E_CONFIG);
  ck_assert_str_eq(strrchr(fault.at, '/'), "/state");
}
END_TEST

START_TEST(refuses_changed_before)
{
  ck_assert_ok(SIGN(9));
  ck_assert_ok(SIGN(10));
  CLOSE();
  temp_write(at("before"), CF_STR("x"), 0600);
  ck_assert_err(cf_signer_open(directory, ORIGIN, &signer, &fault), CF_E_CONFIG);
  ck_assert_str_eq(strrchr(fault.at, '/'), "/before");
  ck_assert_ptr_nonnull(strstr(fault.detail, "remove it"));
  unlink(at("before"));
  OPEN();
}
END_TEST

/* ---- signing ---- */

START_TEST(signs_and_remembers)
{
  static const uint64_t sizes[] = {0, 1, 2, 3, 64, 65, 127, 128, 200};
  char state[1000];
  struct cf_str text;
  struct cf_checkpoint checkpoint;
  for (size_t i = 0; i < CF_COUNT(sizes); i++) {
    ck_assert_ok(SIGN(sizes[i]));
    ck_assert_ok(cf_note_check(cf_buf_str(&note), cf_signer_vkey(signer), &text));
    ck_assert_ok(cf_checkpoint_parse(text, &checkpoint));
    ck_assert_uint_eq(checkpoint.size, sizes[i]);
    size_t n = read_file("state", state, sizeof state);
    ck_assert_bytes(state, n, note.p, note.n);
    ck_assert_uint_eq(mode_of(at("state")), 0600);
    if (i % 2)
      REOPEN();
    SIGNED(sizes[i]);
    ck_assert_bytes(cf_signer_note(signer).p, cf_signer_note(signer).n, note.p, note.n);
  }
}
END_TEST

START_TEST(same_again)
{
  char first[1000];
  ck_assert_ok(SIGN(70));
  size_t n = note.n;
  memcpy(first, note.p, n);
  unlink(at("state"));
  ck_assert_ok(SIGN(70));
  ck_assert_bytes(note.p, note.n, first, n);
  ck_assert_int_ne(access(at("state"), F_OK), 0); /* nothing was written again */
}
END_TEST

START_TEST(refuses_rollback)
{
  ck_assert_ok(SIGN(100));
  ck_assert_err(SIGN(99), CF_E_ROLLBACK);
  ck_assert_uint_eq(note.n, 0);
  REOPEN();
  ck_assert_err(SIGN(0), CF_E_ROLLBACK);
  SIGNED(100);
  ck_assert_ok(SIGN(101));
}
END_TEST

/* Whatever leaf was changed since, in a tree of the same or a larger size. */
START_TEST(refuses_another_history)
{
  static const size_t changed[] = {0, 1, 63, 64, 98, 99};
  ck_assert_ok(SIGN(100));
  for (size_t i = 0; i < CF_COUNT(changed); i++) {
    leaf[changed[i]][7] ^= 1;
    ck_assert_err(SIGN(100), CF_E_ROLLBACK);
    ck_assert_err(SIGN(101), CF_E_ROLLBACK);
    ck_assert_err(SIGN(200), CF_E_ROLLBACK);
    leaf[changed[i]][7] ^= 1;
  }
  SIGNED(100);
  leaf[100][7] ^= 1; /* what was not signed yet may be anything */
  ck_assert_ok(SIGN(101));
}
END_TEST

START_TEST(refuses_wrong_root)
{
  uint8_t root[CF_HASH_N] = {0};
  ck_assert_err(cf_signer_sign(signer, 10, root, &hashes, &note, &fault), CF_E_PROOF);
  ck_assert_ok(SIGN(5));
  ck_assert_err(cf_signer_sign(signer, 10, root, &hashes, &note, &fault), CF_E_PROOF);
  SIGNED(5);
}
END_TEST

START_TEST(source_fails)
{
  int broken = 1;
  struct cf_hashes damaged = {.get = leaves_get, .context = &broken};
  uint8_t root[CF_HASH_N];
  ck_assert_ok(cf_tree_root(&hashes, 10, root));
  ck_assert_err(cf_signer_sign(signer, 10, root, &damaged, &note, &fault), CF_E_DAMAGED);
  ck_assert_int_ne(access(at("state"), F_OK), 0);
}
END_TEST

/* ---- crashes ---- */

/* What each step of writing leaves behind when it is the last: half a
 * state.new, a whole one that was not renamed. */
START_TEST(state_left_over)
{
  char state[1000];
  ck_assert_ok(SIGN(50));
  ck_assert_ok(SIGN(60));
  size_t n = read_file("state", state, sizeof state);
  memset(state + n, 'x', sizeof state - n);
  const size_t parts[] = {0, 1, n - 1, n, sizeof state};
  for (size_t i = 0; i < CF_COUNT(parts); i++) {
    temp_write(at("state.new"), (struct cf_str){state, parts[i]}, 0600);
    REOPEN();
    SIGNED(60 + i);
    ck_assert_ok(SIGN(61 + i));
    ck_assert_int_ne(access(at("state.new"), F_OK), 0);
    REOPEN();
    SIGNED(61 + i);
  }
}
END_TEST

START_TEST(key_left_over)
{
  char key[600];
  CLOSE();
  size_t n = read_file("key", key, sizeof key);
  unlink(at("key"));
  unlink(at("vkey"));
  temp_write(at("key.new"), (struct cf_str){key, n / 2}, 0600);
  ck_assert_err(cf_signer_open(directory, ORIGIN, &signer, &fault), CF_E_CONFIG);
  ck_assert_ok(cf_signer_create(directory, ORIGIN, NULL, &fault));
  ck_assert_int_ne(access(at("key.new"), F_OK), 0);
  unlink(at("vkey")); /* between key and vkey */
  OPEN();
  ck_assert_int_eq(access(at("vkey"), F_OK), 0);
}
END_TEST

/* Killed at any moment: what was given out is never behind what it
 * remembers. */
static void sign_until_killed(int given)
{
  OPEN();
  for (uint64_t size = 1; size <= LEAVES; size++) {
    if (SIGN(size) != CF_OK)
      _exit(1);
    if (write(given, &size, sizeof size) != sizeof size)
      _exit(1);
  }
  pause();
}

START_TEST(killed)
{
  int given[2];
  uint64_t size, last = 0;
  struct cf_checkpoint remembered;
  CLOSE();
  ck_assert_int_eq(pipe(given), 0);
  pid_t pid = fork();
  if (pid == 0)
    sign_until_killed(given[1]);
  close(given[1]);
  while (last < 1 + (uint64_t)_i * 13 && read(given[0], &size, sizeof size) == sizeof size)
    last = size;
  usleep((useconds_t)_i * 37);
  kill(pid, SIGKILL);
  ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
  while (read(given[0], &size, sizeof size) == sizeof size)
    last = size;
  close(given[0]);
  OPEN();
  ck_assert(cf_signer_last(signer, &remembered));
  ck_assert_uint_ge(remembered.size, last);
  ck_assert_uint_le(remembered.size, last + 1);
  ck_assert_ok(SIGN(LEAVES));
}
END_TEST

static const int link_errors[] = {0, EPERM, EOPNOTSUPP, ENOSYS, EMLINK};

/* The note before the last is kept on any file system. */
START_TEST(keeps_before)
{
  struct cf_checkpoint before;
  no_links = link_errors[_i];
  ck_assert_ok(SIGN(50));
  ck_assert(!cf_signer_before(signer, &before));
  ck_assert_ok(SIGN(51));
  ck_assert_ok(SIGN(52));
  REOPEN();
  SIGNED(52);
  ck_assert(cf_signer_before(signer, &before));
  ck_assert_uint_eq(before.size, 51);
  ck_assert_uint_eq(mode_of(at("before")), 0600);
}
END_TEST

/* No room for the state: nothing is given out, nothing is remembered. */
START_TEST(no_room)
{
  struct rlimit limit;
  ck_assert_ok(SIGN(50));
  signal(SIGXFSZ, SIG_IGN);
  ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
  rlim_t was = limit.rlim_cur;
  limit.rlim_cur = 10;
  ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
  enum cf_err err = SIGN(51);
  limit.rlim_cur = was;
  ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
  ck_assert_err(err, CF_E_SYSTEM);
  ck_assert_uint_eq(note.n, 0);
  SIGNED(50);
  REOPEN();
  SIGNED(50);
  ck_assert_ok(SIGN(51));
}
END_TEST

int main(void)
{
#define SIGNER .tcase = "signer", .setup = begin, .teardown = end
  const struct cf_test tests[] = {
      {SIGNER, .test = created},
      {SIGNER, .test = created_from_seed},
      {SIGNER, .test = created_once},
      {SIGNER, .test = open_once},
      {SIGNER, .test = refuses_loose_key, .loops = CF_COUNT(loose)},
      {SIGNER, .test = refuses_loose_directory, .loops = CF_COUNT(open_to_others)},
      {SIGNER, .test = refuses_other_origin},
      {SIGNER, .test = refuses_missing},
      {SIGNER, .test = refuses_changed_key},
      {SIGNER, .test = refuses_changed_state},
      {SIGNER, .test = refuses_state_of_another},
      {SIGNER, .test = refuses_changed_before},
      {SIGNER, .test = signs_and_remembers},
      {SIGNER, .test = same_again},
      {SIGNER, .test = refuses_rollback},
      {SIGNER, .test = refuses_another_history},
      {SIGNER, .test = refuses_wrong_root},
      {SIGNER, .test = source_fails},
      {SIGNER, .test = state_left_over},
      {SIGNER, .test = key_left_over},
      {SIGNER, .test = killed, .loops = 10},
      {SIGNER, .test = keeps_before, .loops = CF_COUNT(link_errors)},
      {SIGNER, .test = no_room},
  };
  return cf_test_run("signer", tests, CF_COUNT(tests));
}
