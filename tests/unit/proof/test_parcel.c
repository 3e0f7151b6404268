/* SPDX-License-Identifier: MIT */
/* What was taken away, as a list of files: tars that are good, and tars that
 * somebody made to do harm; lines; the manifest; query.json. */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/codec.h"
#include "lib/base/file.h"
#include "lib/base/pack.h"
#include "lib/proof/parcel.h"
#include "lib/proof/parcel_tree.h"
#include "tests/unit/cf_test.h"
#include "tests/unit/temp_dir.h"

#define BLOCK 512

static struct cf_buf tar;
static struct cf_parcel parcel;
static struct cf_fault fault;

static void stage_open(void)
{
  cf_buf_init(&tar, 64 << 20);
  cf_parcel_init(&parcel);
}

static void stage_close(void)
{
  cf_parcel_fini(&parcel);
  cf_buf_fini(&tar);
}

/* ---- tars ---- */

static uint8_t *zeros(size_t n)
{
  uint8_t *p = cf_buf_grow(&tar, n);
  ck_assert_ptr_nonnull(p);
  return memset(p, 0, n);
}

static void sum(uint8_t *block)
{
  unsigned s = 0;
  memset(block + 148, ' ', 8);
  for (size_t i = 0; i < BLOCK; i++)
    s += block[i];
  snprintf((char *)block + 148, 8, "%06o", s);
  block[155] = ' ';
}

static uint8_t *header(const char *name, char type, const char *octal)
{
  uint8_t *block = zeros(BLOCK);
  memcpy(block, name, strlen(name) < 100 ? strlen(name) : 100);
  memcpy(block + 100, "0000644", 7);
  memcpy(block + 124, octal, strlen(octal));
  block[156] = (uint8_t)type;
  memcpy(block + 257,
         "ustar\0"
         "00",
         8);
  sum(block);
  return block;
}

static void content(const char *text)
{
  cf_buf_puts(&tar, text);
  zeros((BLOCK - strlen(text) % BLOCK) % BLOCK);
}

static void member(const char *name, const char *text)
{
  char octal[32];
  snprintf(octal, sizeof octal, "%011zo", strlen(text));
  header(name, '0', octal);
  content(text);
}

static void end(void)
{
  zeros((size_t)2 * BLOCK);
}

static enum cf_err open_of(struct cf_str bytes, uint64_t max)
{
  int fd = memfd_create("tar", MFD_CLOEXEC);
  ck_assert_int_ge(fd, 0);
  ck_assert(cf_file_write(fd, bytes));
  struct cf_str head = {bytes.p, bytes.n < BLOCK ? bytes.n : BLOCK};
  ck_assert_int_ge(lseek(fd, (off_t)head.n, SEEK_SET), 0);
  cf_parcel_fini(&parcel);
  cf_parcel_init(&parcel);
  enum cf_err err = cf_parcel_open_tar(&parcel, fd, head, max, &fault);
  close(fd);
  return err;
}

static enum cf_err open_tar(void)
{
  return open_of(cf_buf_str(&tar), UINT64_MAX);
}

static void has(const char *path, const char *text)
{
  struct cf_buf b;
  cf_buf_init(&b, 4096);
  ck_assert_ok(cf_parcel_get(&parcel, cf_str_from(path), &b));
  ck_assert_bytes(b.p, b.n, text, strlen(text));
  cf_buf_fini(&b);
}

START_TEST(files_of_a_tar_are_found)
{
  header("tile", '5', "0");
  member("tile/0/000", "hashes");
  member("./checkpoint", "note");
  member("empty", "");
  header("x", 'x', "00000000036");
  content("30 path=tile/entries/x001/000\n");
  member("ignored", "leaves");
  end();
  ck_assert_ok(open_tar());
  ck_assert_uint_eq(parcel.n, 4);
  has("tile/0/000", "hashes");
  has("checkpoint", "note");
  has("empty", "");
  has("tile/entries/x001/000", "leaves");
  zeros((size_t)16 * BLOCK); /* as tar fills its record */
  ck_assert_ok(open_tar());
}
END_TEST

START_TEST(what_is_packed_is_unpacked_as_far_as_it_may)
{
  struct cf_buf packed;
  cf_buf_init(&packed, SIZE_MAX);
  member("checkpoint", "note");
  end();
  ck_assert_ok(cf_pack(tar.p, tar.n, &packed));
  ck_assert_ok(open_of(cf_buf_str(&packed), tar.n));
  has("checkpoint", "note");
  ck_assert_err(open_of(cf_buf_str(&packed), tar.n - 1), CF_E_FULL);
  cf_buf_cut(&packed, 5);
  ck_assert_err(open_of(cf_buf_str(&packed), tar.n), CF_E_SYNTAX);
  cf_buf_fini(&packed);
}
END_TEST

START_TEST(what_swells_is_no_bundle)
{
  const size_t n = (size_t)65 << 20;
  struct cf_buf packed;
  char *bomb = calloc(1, n);
  ck_assert_ptr_nonnull(bomb);
  cf_buf_init(&packed, SIZE_MAX);
  ck_assert_ok(cf_pack(bomb, n, &packed));
  ck_assert_err(open_of(cf_buf_str(&packed), UINT64_MAX), CF_E_SYNTAX);
  ck_assert_ptr_nonnull(strstr(fault.detail, "swells"));
  cf_buf_fini(&packed);
  free(bomb);
}
END_TEST

/* A member that may not be there. */
static const struct {
  const char *name;
  char type;
  const char *octal;
} bad_members[] = {
    {"/etc/passwd", '0', "0"},
    {"../up", '0', "0"},
    {"tile/../../up", '0', "0"},
    {"tile//0", '0', "0"},
    {".hidden", '0', "0"},
    {"tile/.hidden", '0', "0"},
    {"a b", '0', "0"},
    {"a\nb", '0', "0"},
    {"a\\b", '0', "0"},
    {"\xc3\xa4", '0', "0"},
    {"", '0', "0"},
    {"./", '0', "0"},
    {"hard", '1', "0"},
    {"link", '2', "0"},
    {"device", '3', "0"},
    {"block", '4', "0"},
    {"directory", '5', "10"},
    {"fifo", '6', "0"},
    {"long", 'L', "0"},
    {"sparse", 'S', "0"},
    {"global", 'g', "0"},
    {"longer than what is there", '0', "77777777777"},
    {"no number", '0', "x"},
    {"negative", '0', "-1"},
    {"base 256", '0', "\x80"},
};

START_TEST(such_a_member_is_refused)
{
  member("first", "1");
  header(bad_members[_i].name, bad_members[_i].type, bad_members[_i].octal);
  end();
  ck_assert_err(open_tar(), CF_E_SYNTAX);
}
END_TEST

static const char *const bad_paxes[] = {
    "19 path=../up/and/x\n",
    "12 path=a/b",
    "99 path=a\n",
    "5 path=a\n",
    "path=a\n",
    "27 GNU.sparse.major=1 or 0\n",
    "25 size=9223372036854775\n",
    "28 size=9999999999999999999\n",
    "10 size=-\n",
    "15 linkpath=ab\n",
    "13 path=a\nb\n x",
};

START_TEST(such_a_pax_header_is_refused)
{
  char octal[32];
  snprintf(octal, sizeof octal, "%011zo", strlen(bad_paxes[_i]));
  header("x", 'x', octal);
  content(bad_paxes[_i]);
  member("file", "text");
  end();
  ck_assert_err(open_tar(), CF_E_SYNTAX);
}
END_TEST

START_TEST(pax_headers_do_not_pile_up)
{
  header("x", 'x', "00000000012");
  content("10 path=a\n");
  header("x", 'x', "00000000012");
  content("10 path=b\n");
  member("file", "text");
  end();
  ck_assert_err(open_tar(), CF_E_SYNTAX);
  cf_buf_reset(&tar);
  header("x", 'x', "00001000000");
  end();
  ck_assert_err(open_tar(), CF_E_SYNTAX);
  cf_buf_reset(&tar);
  member("file", "text");
  header("x", 'x', "00000000012");
  content("10 path=a\n");
  end();
  ck_assert_err(open_tar(), CF_E_SYNTAX);
}
END_TEST

START_TEST(a_path_is_there_once)
{
  member("file", "text");
  member("./file", "other");
  end();
  ck_assert_err(open_tar(), CF_E_SYNTAX);
}
END_TEST

START_TEST(no_byte_of_a_tar_is_idle)
{
  static const char body[] = "text";
  member("file", body);
  end();
  ck_assert_ok(open_tar());
  for (size_t i = 0; i < tar.n; i++) {
    if (i >= BLOCK && i < BLOCK + sizeof body - 1)
      continue; /* that the manifest holds */
    tar.p[i] ^= 1;
    ck_assert_msg(open_tar() == CF_E_SYNTAX, "byte %zu", i);
    tar.p[i] ^= 1;
  }
  for (size_t n = 0; n < tar.n; n++)
    ck_assert_msg(open_of((struct cf_str){(char *)tar.p, n}, UINT64_MAX) == CF_E_SYNTAX,
                  "%zu bytes", n);
  zeros((size_t)40 * BLOCK);
  ck_assert_err(open_tar(), CF_E_SYNTAX);
}
END_TEST

/* ---- directories ---- */

START_TEST(no_link_of_a_directory_is_followed)
{
  temp_make("parcel");
  const char *dir = temp_dir;
  char path[512];
  int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ck_assert_ok(cf_file_put(fd, "file", 0600, CF_STR("text")));
  ck_assert_ok(cf_parcel_open_directory(&parcel, dir, &fault));
  has("file", "text");
  cf_parcel_fini(&parcel);
  cf_parcel_init(&parcel);
  ck_assert_int_eq(symlinkat("file", fd, "link"), 0);
  ck_assert_err(cf_parcel_open_directory(&parcel, dir, &fault), CF_E_SYNTAX);
  ck_assert_int_eq(unlinkat(fd, "link", 0), 0);
  cf_parcel_fini(&parcel);
  cf_parcel_init(&parcel);
  ck_assert_ok(cf_parcel_open_directory(&parcel, dir, &fault));
  ck_assert_int_eq(unlinkat(fd, "file", 0), 0); /* and not behind our back either */
  ck_assert_int_eq(symlinkat("/etc/passwd", fd, "file"), 0);
  struct cf_buf b;
  cf_buf_init(&b, 4096);
  ck_assert_err(cf_parcel_get(&parcel, CF_STR("file"), &b), CF_E_SYSTEM);
  cf_buf_fini(&b);
  ck_assert_int_eq(unlinkat(fd, "file", 0), 0);
  close(fd);
  snprintf(path, sizeof path, "%s/none", dir);
  cf_parcel_fini(&parcel);
  cf_parcel_init(&parcel);
  ck_assert_err(cf_parcel_open_directory(&parcel, path, &fault), CF_E_SYSTEM);
  temp_remove();
}
END_TEST

/* ---- the manifest ---- */

struct blamed {
  size_t n;
  char last[80];
};

static void blame(void *context, struct cf_str path, const char *what)
{
  struct blamed *b = context;
  b->n++;
  snprintf(b->last, sizeof b->last, "%.*s: %s", (int)path.n, path.p, what);
}

/* SHA-256 of "text" */
#define TEXT_HASH "982d9e3eb996f559e633f4d194def3761d909f5a3b647d1a851fead67c32c9d1"

static const struct {
  const char *manifest, *blamed;
} manifests[] = {
    {TEXT_HASH "  file\n", NULL},
    {TEXT_HASH " *file\n", "file: it is there, and the manifest does not name it"},
    {TEXT_HASH "  other\n", "file: it is there, and the manifest does not name it"},
    {TEXT_HASH "  file\n" TEXT_HASH "  file\n", "file: the manifest names it twice"},
    {"", "file: it is there, and the manifest does not name it"},
    {TEXT_HASH "  file\n" TEXT_HASH "  none\n", "none: the manifest names it, and it is not there"},
    {TEXT_HASH "  file", "file: it is there, and the manifest does not name it"},
    {"082d9e3eb996f559e633f4d194def3761d909f5a3b647d1a851fead67c32c9d1  file\n",
     "file: it is not what the manifest says"},
    {"982D9E3EB996F559E633F4D194DEF3761D909F5A3B647D1A851FEAD67C32C9D1  file\n",
     "file: it is there, and the manifest does not name it"},
};

START_TEST(the_manifest_names_each_file_and_no_other)
{
  struct blamed b = {.n = 0};
  member("file", "text");
  member("MANIFEST.sha256", manifests[_i].manifest);
  end();
  ck_assert_ok(open_tar());
  ck_assert_ok(cf_parcel_manifest(&parcel, blame, &b));
  if (manifests[_i].blamed == NULL)
    ck_assert_uint_eq(b.n, 0);
  else
    ck_assert_str_eq(b.last, manifests[_i].blamed);
}
END_TEST

START_TEST(without_a_manifest_it_broke_off)
{
  struct blamed b = {.n = 0};
  member("file", "text");
  end();
  ck_assert_ok(open_tar());
  ck_assert_ok(cf_parcel_manifest(&parcel, blame, &b));
  ck_assert_uint_eq(b.n, 1);
}
END_TEST

/* ---- records ---- */

#define LINE(seq) "{\"seq\":" seq ",\"payloads\":{},\"salts\":{}}\n"

START_TEST(lines_are_found_by_their_tile)
{
  struct cf_parcel_records r;
  struct cf_disclosed lines[CF_TILE_W];
  member("records.ndjson", LINE("3") LINE("255") LINE("256") LINE("9000"));
  end();
  ck_assert_ok(open_tar());
  ck_assert_ok(cf_parcel_records_open(&r, &parcel, &fault));
  ck_assert_uint_eq(r.lines, 4);
  ck_assert_uint_eq(r.n, 3);
  const struct cf_parcel_lot *lot = cf_parcel_lot_find(&r, 0);
  ck_assert(cf_parcel_lot_has(lot, 3) && cf_parcel_lot_has(lot, 255));
  ck_assert(!cf_parcel_lot_has(lot, 4));
  ck_assert_ok(cf_parcel_lot_read(&r, lot, lines));
  ck_assert_uint_eq(lines[255].seq, 255);
  for (size_t i = 0; i < CF_TILE_W; i++)
    cf_disclosed_fini(&lines[i]);
  ck_assert(cf_parcel_lot_has(cf_parcel_lot_find(&r, 35), 9000));
  ck_assert_ptr_null(cf_parcel_lot_find(&r, 2));
  cf_parcel_records_fini(&r);
}
END_TEST

static const char *const bad_lines[] = {
    LINE("3") LINE("3"), LINE("3") LINE("2"),          LINE("3") "\n",
    LINE("-1"),          LINE("18446744073709551615"), "{\"seq\":3,\"payloads\":{},\"salts\":{}}",
    "nothing\n",
};

START_TEST(lines_are_in_order_and_of_their_form)
{
  struct cf_parcel_records r;
  member("records.ndjson", bad_lines[_i]);
  end();
  ck_assert_ok(open_tar());
  ck_assert_err(cf_parcel_records_open(&r, &parcel, &fault), CF_E_SYNTAX);
  cf_parcel_records_fini(&r);
}
END_TEST

/* ---- the layout ---- */

#define SIZE 70 /* records, of one partial tile */

static const struct {
  const char *path;
  bool good;
} placed[] = {
    {"README.txt", true},
    {"more", false},
    {"keys/69", true},
    {"keys/70", false},
    {"keys/069", false},
    {"keys/", false},
    {"checkpoints/7", true},
    {"checkpoints/0", false},
    {"checkpoints/70", false},
    {"checkpoints/71", false},
    {"checkpoints/70.tsr", true},
    {"checkpoints/70.cosignatures", true},
    {"checkpoints/70.stamped", false}, /* there is no time-stamp */
    {"checkpoints/70.text", false},
    {"checkpoints/70.tsr.tsr", false},
    {"checkpoints/8.tsr", false}, /* there is no such checkpoint */
    {"tile/0/000.p/70", true},
    {"tile/0/000.p/69", false},
    {"tile/0/000", false},
    {"tile/1/000", false},
    {"tile/entries/000.p/70", true},
    {"tile/entries/000.p/7", false},
    {"tile/more", false},
};

/* Roots of one hash each, all the same. */
static enum cf_err same_get(void *context, unsigned level, uint64_t first, size_t n, uint8_t *out)
{
  (void)context;
  (void)level;
  (void)first;
  memset(out, 7, n * CF_HASH_N);
  return CF_OK;
}

static void count(void *context, struct cf_str path, const char *what)
{
  unsigned *n = context;
  (void)path;
  (void)what;
  *n += 1;
}

START_TEST(a_name_has_its_place)
{
  const struct cf_hashes hashes = {.get = same_get};
  struct cf_str path = cf_str_from(placed[_i].path);
  uint8_t root[CF_HASH_N];
  unsigned faults = 0;
  ck_assert_ok(cf_tree_root(&hashes, SIZE, root));
  enum cf_err err = cf_parcel_add(&parcel, path, 0, 0, &fault);
  ck_assert(err == CF_OK || !placed[_i].good);
  ck_assert_ok(cf_parcel_sort(&parcel, &fault));
  ck_assert_ok(cf_parcel_layout(&parcel, &hashes, SIZE, root, count, &faults));
  ck_assert_uint_eq(faults, !placed[_i].good && parcel.n > 0);
}
END_TEST

START_TEST(tiles_lead_to_the_root)
{
  const struct cf_hashes hashes = {.get = same_get};
  uint8_t root[CF_HASH_N];
  unsigned faults = 0;
  ck_assert_ok(cf_tree_root(&hashes, 257, root));
  ck_assert_ok(cf_parcel_add(&parcel, CF_STR("tile/0/000"), 0, 0, &fault));
  ck_assert_ok(cf_parcel_sort(&parcel, &fault));
  ck_assert_ok(cf_parcel_layout(&parcel, &hashes, 257, root, count, &faults));
  ck_assert_uint_eq(faults, 1); /* 256 of them are not one of them */
  root[0] ^= 1;
  ck_assert_ok(cf_parcel_layout(&parcel, &hashes, 257, root, count, &faults));
  ck_assert_uint_eq(faults, 3);
}
END_TEST

int main(void)
{
#define PARCEL .tcase = "parcel", .setup = stage_open, .teardown = stage_close
  const struct cf_test tests[] = {
      {PARCEL, .test = files_of_a_tar_are_found},
      {PARCEL, .test = what_is_packed_is_unpacked_as_far_as_it_may},
      {PARCEL, .test = what_swells_is_no_bundle},
      {PARCEL, .test = such_a_member_is_refused, .loops = CF_COUNT(bad_members)},
      {PARCEL, .test = such_a_pax_header_is_refused, .loops = CF_COUNT(bad_paxes)},
      {PARCEL, .test = pax_headers_do_not_pile_up},
      {PARCEL, .test = a_path_is_there_once},
      {PARCEL, .test = no_byte_of_a_tar_is_idle},
      {PARCEL, .test = no_link_of_a_directory_is_followed},
      {PARCEL, .test = the_manifest_names_each_file_and_no_other, .loops = CF_COUNT(manifests)},
      {PARCEL, .test = without_a_manifest_it_broke_off},
      {PARCEL, .test = lines_are_found_by_their_tile},
      {PARCEL, .test = lines_are_in_order_and_of_their_form, .loops = CF_COUNT(bad_lines)},
      {PARCEL, .test = a_name_has_its_place, .loops = CF_COUNT(placed)},
      {PARCEL, .test = tiles_lead_to_the_root},
  };
  return cf_test_run("parcel", tests, CF_COUNT(tests));
}
