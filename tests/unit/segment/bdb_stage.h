/* SPDX-License-Identifier: MIT */
/* Berkeley DB in a temporary directory: an environment there, or a file without
 * one; numbers as keys and values that belong to them. What cannot be done
 * fails the test. */
#ifndef CF_TEST_BDB_STAGE_H
#define CF_TEST_BDB_STAGE_H

#include "lib/segment/bdb.h"
#include "tests/unit/cf_test.h"
#include "tests/unit/temp_dir.h"

#define CACHE (4u << 20)
#define PAGE  4096
#define MANY  5000 /* keys of a file that is damaged */

extern char bdb_file[300]; /* the path of a file */

/* Checked fixture: the directory, empty but for the messages. */
void bdb_set_up(void);
void bdb_tear_down(void);

/* The environment in the directory, recovered; one for files; a database of
 * either. */
struct cf_bdb_env *bdb_env_open(void);
struct cf_bdb_env *bdb_file_env_open(void);
struct cf_bdb *bdb_open(struct cf_bdb_env *env, const char *path, const char *name,
                        enum cf_bdb_open how);

struct cf_str bdb_key(uint32_t i, uint8_t out[4]);
/* A value that says which key it belongs to; its length depends on the key. */
struct cf_str bdb_value(uint32_t i, char out[200]);
void bdb_put_numbers(struct cf_bdb *db, struct cf_bdb_txn *txn, uint32_t from, uint32_t to);
/* Where the number is there, it has its own value. */
enum cf_err bdb_get_number(struct cf_bdb *db, uint32_t i);

/* A file with the numbers below MANY in each of two databases, one and two, as
 * old_file.h has them. */
void bdb_make_file(void);

#endif
