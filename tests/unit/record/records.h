/* SPDX-License-Identifier: MIT */
/* Records of every shape: with and without payloads, erased, at the ends of seq
 * and time, of kinds. */
#ifndef CF_TEST_RECORDS_H
#define CF_TEST_RECORDS_H

#include "lib/record/record.h"

#define S(text) \
  { \
    text, sizeof(text) - 1 \
  }
#define PUBLIC \
  "\"source\":\"web1\",\"id\":\"r-1\",\"time\":\"2026-11-24T02:00:00.000001Z\",\"method\":\"GET\",\"status\":200,\"outcome\":\"success\""
#define RECORDED INT64_C(1795485602000000)
#define TIME     INT64_C(1795485600000001)

#define RECORDS_N 5
extern const struct cf_record records[RECORDS_N];
extern const uint8_t records_gone[2][CF_HASH_N]; /* commitments of what is erased in some */

#endif
