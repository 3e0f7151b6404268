/* SPDX-License-Identifier: MIT */
/* The signer's socket, and the ledger's side of it: who may ask, how long he
 * may take, and what is known after the signer was lost. */
#include "config.h"

#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fcgi-app/apart/signer_serve.h"
#include "lib/proof/signer.h"
#include "lib/proof/signer_wire.h"
#include "tests/unit/cf_test.h"
#include "tests/unit/temp_dir.h"

#define ORIGIN CF_STR("audit.example.org/main")
#define LEAVES 200

static char directory[300], path[300], place[320];
static uint8_t leaf[LEAVES][CF_HASH_N];
static struct cf_signer *signer;
static struct cf_fault fault;
static pid_t child;

static enum cf_err leaves_get(void *context, unsigned level, uint64_t first, size_t n, uint8_t *out)
{
  (void)context;
  ck_assert(level == 0 && first + n <= LEAVES);
  memcpy(out, leaf[first], n * CF_HASH_N);
  return CF_OK;
}
static const struct cf_hashes hashes = {.get = leaves_get};

static volatile sig_atomic_t ended;
static void end_note(int n)
{
  (void)n;
  ended = 1;
}

static void nap(void)
{
  (void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
}

static int CONNECT(void)
{
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  memcpy(address.sun_path, path, strlen(path) + 1);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
    return fd;
  close(fd);
  return -1;
}

/* A signer for who has that uid, in a process of its own. */
static void START_FOR(uid_t uid)
{
  struct cf_signer_job job = {.place = directory, .socket = path, .end = &ended};
  job.allow[job.allow_n++] = uid;
  job.request_us = 200000;
  child = fork();
  if (child == 0) {
    (void)signal(SIGTERM, end_note);
    _exit(cf_signer_serve(&job, &fault) == CF_OK ? 0 : 1);
  }
  for (int fd; (fd = CONNECT()) < 0 || close(fd) != 0;)
    nap();
}

static void END(int how)
{
  int status;
  kill(child, how);
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert(how == SIGKILL || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
  child = 0;
}

static void begin(void)
{
  for (size_t i = 0; i < LEAVES; i++)
    cf_sha256_1(&i, sizeof i, leaf[i]);
  temp_make("serve");
  snprintf(directory, sizeof directory, "%s", temp_path("signer"));
  snprintf(path, sizeof path, "%s", temp_path("s"));
  snprintf(place, sizeof place, "exec:%s", path);
}

static void end(void)
{
  cf_signer_close(signer);
  signer = NULL;
  if (child > 0)
    END(SIGKILL);
  temp_remove();
}

static enum cf_err SIGN(uint64_t size)
{
  uint8_t root[CF_HASH_N];
  struct cf_buf note;
  struct cf_checkpoint last;
  cf_buf_init(&note, CF_NOTE_MAX);
  ck_assert_ok(cf_tree_root(&hashes, size, root));
  enum cf_err err = cf_signer_sign(signer, size, root, &hashes, &note, &fault);
  if (err == CF_OK) {
    ck_assert_ok(cf_checkpoint_check(cf_buf_str(&note), cf_signer_vkey(signer), &last));
    ck_assert_uint_eq(last.size, size);
  }
  cf_buf_fini(&note);
  return err;
}

static void OPEN(void)
{
  ck_assert_ok(cf_signer_open(place, ORIGIN, &signer, &fault));
}

START_TEST(signs_over_its_socket)
{
  struct cf_checkpoint last, before;
  uint8_t mac[CF_HASH_N], again[CF_HASH_N];
  const struct cf_str part = CF_STR("part");
  START_FOR(geteuid());
  ck_assert_ok(cf_signer_create(place, ORIGIN, NULL, &fault));
  ck_assert_err(cf_signer_create(place, ORIGIN, NULL, &fault), CF_E_CONFLICT);
  OPEN();
  ck_assert_ok(SIGN(1));
  ck_assert_ok(cf_signer_vouch(signer, &fault));
  ck_assert_ok(SIGN(100));
  ck_assert_ok(SIGN(100));
  ck_assert_err(SIGN(99), CF_E_ROLLBACK);
  cf_signer_mac(signer, &part, 1, mac);
  cf_signer_close(signer);
  OPEN();
  cf_signer_mac(signer, &part, 1, again);
  ck_assert_bytes(mac, sizeof mac, again, sizeof again);
  ck_assert(cf_signer_last(signer, &last) && last.size == 100);
  ck_assert(cf_signer_before(signer, &before) && before.size == 1);
  ck_assert(cf_signer_vouches(signer) && cf_signer_has_signed(signer));
  ck_assert(cf_signer_remembered(signer).n > 0 && cf_signer_directory(signer) < 0);
}
END_TEST

/* The directory is the same as if this process had signed. */
START_TEST(its_directory_is_one_that_opens_here)
{
  struct cf_checkpoint last;
  START_FOR(geteuid());
  ck_assert_ok(cf_signer_create(place, ORIGIN, NULL, &fault));
  OPEN();
  ck_assert_ok(SIGN(100));
  cf_signer_close(signer);
  END(SIGTERM);
  ck_assert_ok(cf_signer_open(directory, ORIGIN, &signer, &fault));
  ck_assert(cf_signer_last(signer, &last) && last.size == 100);
  ck_assert_ok(SIGN(101));
}
END_TEST

START_TEST(only_one_holds_it)
{
  struct cf_signer *other = NULL;
  struct cf_checkpoint last;
  START_FOR(geteuid());
  ck_assert_ok(cf_signer_create(place, ORIGIN, NULL, &fault));
  OPEN();
  ck_assert_ok(SIGN(5));
  ck_assert_ok(cf_signer_look(place, ORIGIN, &other, &fault));
  ck_assert(cf_signer_last(other, &last) && last.size == 5);
  cf_signer_close(other);
  other = NULL;
  ck_assert_err(cf_signer_open(place, ORIGIN, &other, &fault), CF_E_LOCKED);
  ck_assert_ok(SIGN(6));
}
END_TEST

/* What was signed last is what the signer says when it is back. */
START_TEST(goes_on_after_the_signer_was_killed)
{
  struct cf_signer *here = NULL;
  struct cf_checkpoint last, before;
  uint8_t root[CF_HASH_N];
  struct cf_buf note;
  START_FOR(geteuid());
  ck_assert_ok(cf_signer_create(place, ORIGIN, NULL, &fault));
  OPEN();
  ck_assert_ok(SIGN(100));
  END(SIGKILL);
  ck_assert_err(SIGN(120), CF_E_NOTREADY);
  ck_assert_err(cf_signer_ready(signer, &fault), CF_E_NOTREADY);
  ck_assert_ptr_nonnull(strstr(fault.detail, "counterfoil-signer"));
  /* signed, and killed before it could say so */
  cf_buf_init(&note, CF_NOTE_MAX);
  ck_assert_ok(cf_signer_open(directory, ORIGIN, &here, &fault));
  ck_assert_ok(cf_tree_root(&hashes, 120, root));
  ck_assert_ok(cf_signer_sign(here, 120, root, &hashes, &note, &fault));
  cf_signer_close(here);
  cf_buf_fini(&note);
  START_FOR(geteuid());
  enum cf_err err;
  while ((err = cf_signer_ready(signer, &fault)) == CF_E_NOTREADY)
    nap();
  ck_assert_ok(err);
  ck_assert(cf_signer_last(signer, &last) && last.size == 120);
  ck_assert(cf_signer_before(signer, &before) && before.size == 100);
  ck_assert_err(SIGN(110), CF_E_ROLLBACK);
  ck_assert_ok(SIGN(130));
}
END_TEST

START_TEST(a_signer_with_another_key_is_refused)
{
  START_FOR(geteuid());
  ck_assert_ok(cf_signer_create(place, ORIGIN, NULL, &fault));
  OPEN();
  ck_assert_ok(SIGN(100));
  END(SIGKILL);
  temp_run("rm -r signer");
  START_FOR(geteuid());
  ck_assert_ok(cf_signer_create(place, ORIGIN, NULL, &fault));
  ck_assert_err(cf_signer_ready(signer, &fault), CF_E_CONFIG);
  ck_assert_err(SIGN(120), CF_E_NOTREADY);
}
END_TEST

/* What it signed last it still has to know. */
START_TEST(a_signer_that_forgot_is_refused)
{
  struct cf_checkpoint last;
  START_FOR(geteuid());
  ck_assert_ok(cf_signer_create(place, ORIGIN, NULL, &fault));
  OPEN();
  ck_assert_ok(SIGN(100));
  temp_run("cp signer/state old");
  ck_assert_ok(SIGN(120));
  END(SIGKILL);
  temp_run(_i == 0 ? "cp old signer/state" : "rm signer/state");
  START_FOR(geteuid());
  ck_assert_err(cf_signer_ready(signer, &fault), CF_E_ROLLBACK);
  ck_assert_ptr_nonnull(strstr(fault.detail, "size 120"));
  ck_assert_err(SIGN(130), CF_E_NOTREADY);
  ck_assert(cf_signer_last(signer, &last) && last.size == 120);
}
END_TEST

/* In the place of a signer: answers that, and then, where it goes on, a byte
 * now and then. */
static void ANSWER_INSTEAD(struct cf_str answer, bool on)
{
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  memcpy(address.sun_path, path, strlen(path) + 1);
  int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  temp_run("rm -f s");
  ck_assert_int_eq(bind(listener, (const struct sockaddr *)&address, sizeof address), 0);
  ck_assert_int_eq(listen(listener, 8), 0);
  child = fork();
  if (child == 0)
    for (;;) {
      char asked[CF_WIRE_HEAD + CF_WIRE_MAX];
      int fd = accept(listener, NULL, NULL);
      (void)recv(fd, asked, sizeof asked, 0);
      (void)send(fd, answer.p, answer.n, MSG_NOSIGNAL);
      while (on && send(fd, "", 1, MSG_NOSIGNAL) == 1)
        nap();
      close(fd);
    }
  close(listener);
}

/* What it remembers, as it would tell it, but for the note of the size that it
 * signed last and the end of the frame. */
static void MEMORY(struct cf_buf *b, struct cf_str note, struct cf_str end)
{
  char text[512];
  struct cf_buf vkey;
  cf_buf_fixed(&vkey, text, sizeof text);
  cf_vkey_put(cf_signer_vkey(signer), &vkey);
  size_t at = cf_wire_begin(b, 0);
  cf_buf_putc(b, 0);
  cf_wire_put_text(b, cf_buf_str(&vkey));
  cf_wire_put_text(b, cf_buf_str(&vkey));
  cf_wire_put_text(b, note);
  cf_wire_put_u64(b, 7);
  cf_buf_put(b, leaf[0], CF_HASH_N);
  cf_wire_put_text(b, CF_STR(""));
  cf_buf_put(b, leaf[1], CF_HASH_N);
  cf_buf_putstr(b, end);
  ck_assert_ok(cf_wire_end(b, at));
}

#define BYTES(text) \
  { \
    text, sizeof(text) - 1 \
  }
static const struct cf_str no_answers[] = {
    BYTES(""),
    BYTES("\0\0\0"),
    BYTES("\0\0\0\0"),
    BYTES("\0\0\x40\1"),
    BYTES("\0\0\0\1\0"),                     /* it remembers, and nothing follows */
    BYTES("\0\0\0\1\2"),                     /* neither an answer nor an error */
    BYTES("\0\0\0\7\1\0\4what\0\0\0\0"),     /* an error, cut off */
    BYTES("\0\0\0\x0b\1\0\4what\0\0\0\0"),   /* one that there is not */
    BYTES("\0\0\0\x0a\0\0\0\1x\0\0\0\0\0"),  /* no key */
    BYTES("\0\0\0\6\0\0\xff\xffxx\0\0\0\0"), /* a text beyond the end */
};
#define MEMORIES 2 /* with a note that it did not sign, and with more behind */

/* What was known before stays known. */
START_TEST(what_is_no_answer_changes_nothing)
{
  struct cf_checkpoint last;
  struct cf_buf b;
  START_FOR(geteuid());
  ck_assert_ok(cf_signer_create(place, ORIGIN, NULL, &fault));
  OPEN();
  ck_assert_ok(SIGN(100));
  struct cf_vkey vkey = *cf_signer_vkey(signer);
  END(SIGKILL);
  cf_buf_init(&b, CF_WIRE_MAX);
  if ((size_t)_i < CF_COUNT(no_answers))
    cf_buf_putstr(&b, no_answers[_i]);
  else if ((size_t)_i == CF_COUNT(no_answers))
    MEMORY(&b, CF_STR("a note"), CF_STR(""));
  else
    MEMORY(&b, cf_signer_note(signer), CF_STR("more"));
  ANSWER_INSTEAD(cf_buf_str(&b), false);
  ck_assert_err(cf_signer_ready(signer, &fault), CF_E_NOTREADY);
  ck_assert(cf_signer_last(signer, &last) && last.size == 100);
  ck_assert_ok(cf_checkpoint_check(cf_signer_note(signer), &vkey, &last));
  ck_assert(cf_vkey_same(&vkey, cf_signer_vkey(signer)) && cf_signer_previous(signer) == NULL);
  cf_buf_fini(&b);
}
END_TEST

/* It would be waited for as long as this test lasts. */
START_TEST(an_answer_that_does_not_end_is_none)
{
  START_FOR(geteuid());
  ck_assert_ok(cf_signer_create(place, ORIGIN, NULL, &fault));
  OPEN();
  ck_assert_ok(SIGN(100));
  END(SIGKILL);
  ANSWER_INSTEAD((struct cf_str)BYTES("\0\0\x40\0"), true);
  ck_assert_err(cf_signer_ready(signer, &fault), CF_E_NOTREADY);
  ck_assert_err(SIGN(120), CF_E_NOTREADY);
}
END_TEST

/* More than it takes while it is stopped. */
static void CROWD(int *fd, size_t n)
{
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  memcpy(address.sun_path, path, strlen(path) + 1);
  for (size_t i = 0; i < n; i++) {
    fd[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    (void)connect(fd[i], (const struct sockaddr *)&address, sizeof address);
  }
}

/* A signer that was stopped is lost; what it was asked it does when it goes on,
 * and those that gave up keep nobody out. */
START_TEST(goes_on_after_the_signer_was_stopped)
{
  int fd[2 * CF_PEERS_MAX];
  struct cf_checkpoint last;
  START_FOR(geteuid());
  ck_assert_ok(cf_signer_create(place, ORIGIN, NULL, &fault));
  OPEN();
  ck_assert_ok(SIGN(100));
  kill(child, SIGSTOP);
  ck_assert_err(SIGN(120), CF_E_NOTREADY);
  CROWD(fd, CF_COUNT(fd));
  ck_assert_err(cf_signer_ready(signer, &fault), CF_E_NOTREADY);
  ck_assert_ptr_nonnull(strstr(fault.detail, "takes no connection"));
  ck_assert(cf_signer_last(signer, &last) && last.size == 100);
  for (size_t i = 0; i < CF_COUNT(fd); i++)
    close(fd[i]);
  kill(child, SIGCONT);
  enum cf_err err;
  while ((err = cf_signer_ready(signer, &fault)) == CF_E_NOTREADY)
    nap();
  ck_assert_ok(err);
  ck_assert(cf_signer_last(signer, &last) && last.size == 120);
  ck_assert_ok(SIGN(130));
}
END_TEST

/* Is nothing answered, and the connection ended? */
static bool is_ended(int fd)
{
  char c;
  ssize_t n = recv(fd, &c, 1, 0);
  close(fd);
  return n <= 0;
}

START_TEST(others_are_not_answered)
{
  START_FOR(geteuid() + 1);
  int fd = CONNECT();
  (void)send(fd, "\0\0\0\3L\0\0", 7, MSG_NOSIGNAL);
  ck_assert(is_ended(fd));
  ck_assert_err(cf_signer_look(place, ORIGIN, &signer, &fault), CF_E_NOTREADY);
}
END_TEST

static const struct {
  const char *p;
  size_t n;
} ends[] = {
    {"", 0},                    /* says nothing */
    {"\0", 1},                  /* half a head */
    {"\0\0\0\3L", 5},           /* half a message */
    {"\0\0\0\0", 4},            /* no verb */
    {"\0\0\x40\1", 4},          /* too long */
    {"\0\0\0\1?", 5},           /* unknown verb */
    {"\0\0\0\1L\0\0\0\1L", 10}, /* two at once */
};

START_TEST(ends_with_who_is_slow_or_speaks_otherwise)
{
  START_FOR(geteuid());
  ck_assert_ok(cf_signer_create(place, ORIGIN, NULL, &fault));
  OPEN();
  int fd = CONNECT();
  ck_assert_int_ge(fd, 0);
  (void)send(fd, ends[_i].p, ends[_i].n, MSG_NOSIGNAL);
  ck_assert_ok(SIGN(100)); /* nobody waits for him */
  ck_assert(is_ended(fd));
  ck_assert_ok(SIGN(101));
}
END_TEST

/* Who holds it may be silent, and a crowd keeps nobody out who has it. */
START_TEST(a_crowd_takes_nothing_from_who_holds_it)
{
  int fd[2 * CF_PEERS_MAX];
  START_FOR(geteuid());
  ck_assert_ok(cf_signer_create(place, ORIGIN, NULL, &fault));
  OPEN();
  for (size_t i = 0; i < CF_COUNT(fd); i++)
    fd[i] = CONNECT();
  ck_assert_ok(SIGN(100));
  for (size_t i = 0; i < CF_COUNT(fd); i++)
    ck_assert(fd[i] < 0 || is_ended(fd[i]));
  ck_assert_ok(SIGN(101));
}
END_TEST

START_TEST(a_socket_is_one_signers)
{
  struct cf_signer_job job = {.place = directory, .socket = path, .end = &ended};
  START_FOR(geteuid());
  ck_assert_err(cf_signer_serve(&job, &fault), CF_E_LOCKED);
  job.socket = "";
  ck_assert_err(cf_signer_serve(&job, &fault), CF_E_PARAMETER);
}
END_TEST

/* Also while it is stopped, and takes no connection. */
START_TEST(a_stopped_signers_socket_stays_its_own)
{
  struct cf_signer_job job = {.place = directory, .socket = path, .end = &ended};
  int fd[2 * CF_PEERS_MAX];
  START_FOR(geteuid());
  kill(child, SIGSTOP);
  CROWD(fd, CF_COUNT(fd));
  ck_assert_err(cf_signer_serve(&job, &fault), CF_E_LOCKED);
  for (size_t i = 0; i < CF_COUNT(fd); i++)
    close(fd[i]);
}
END_TEST

int main(void)
{
#define SERVE .tcase = "serve", .setup = begin, .teardown = end, .timeout = 120
  const struct cf_test tests[] = {
      {SERVE, .test = signs_over_its_socket},
      {SERVE, .test = its_directory_is_one_that_opens_here},
      {SERVE, .test = only_one_holds_it},
      {SERVE, .test = goes_on_after_the_signer_was_killed},
      {SERVE, .test = a_signer_with_another_key_is_refused},
      {SERVE, .test = a_signer_that_forgot_is_refused, .loops = 2},
      {SERVE, .test = what_is_no_answer_changes_nothing, .loops = CF_COUNT(no_answers) + MEMORIES},
      {SERVE, .test = an_answer_that_does_not_end_is_none},
      {SERVE, .test = goes_on_after_the_signer_was_stopped},
      {SERVE, .test = others_are_not_answered},
      {SERVE, .test = ends_with_who_is_slow_or_speaks_otherwise, .loops = CF_COUNT(ends)},
      {SERVE, .test = a_crowd_takes_nothing_from_who_holds_it},
      {SERVE, .test = a_socket_is_one_signers},
      {SERVE, .test = a_stopped_signers_socket_stays_its_own},
  };
  return cf_test_run("signer_serve", tests, CF_COUNT(tests));
}
