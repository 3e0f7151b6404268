/* SPDX-License-Identifier: MIT */
/* Records of every shape. */
#include "config.h"

#include "tests/unit/record/records.h"

const uint8_t records_gone[2][CF_HASH_N] = {{1, 2, 3}, {9}};

const struct cf_record records[RECORDS_N] = {
    {.seq = 7,
     .recorded_us = RECORDED,
     .kind = CF_K_EVENT,
     .time_us = TIME,
     .public_text = S(PUBLIC),
     .payload = {S("{\"user\":\"al\\\"ice\",\"session\":\"\"}"), S("{\"ip\":\"192.0.2.7\"}"),
                 S("{\"resource\":\"/a\"}"),
                 S("{\"bytes\":0,\"attributes\":{\"a\":{\"b\":\"}\\\"\"}}}")}},
    {.seq = 7,
     .recorded_us = RECORDED,
     .kind = CF_K_EVENT,
     .time_us = TIME,
     .public_text = S(PUBLIC),
     .payload = {{NULL, 0}, {NULL, 0}, S("{\"resource\":\"/a\"}"), {NULL, 0}},
     .gone = {records_gone[0], records_gone[1], NULL, NULL}},
    {.seq = UINT64_MAX,
     .recorded_us = CF_TIME_MIN_US,
     .kind = CF_K_EVENT,
     .time_us = CF_TIME_NONE,
     .public_text = S("\"source\":\"time\",\"action\":\"x\",\"outcome\":\"unknown\"")},
    {.seq = 0,
     .recorded_us = CF_TIME_MAX_US,
     .kind = CF_K_GENESIS,
     .time_us = CF_TIME_NONE,
     .public_text = S("\"body\":{\"format\":\"counterfoil/v1\",\"key\":\"k\",\"origin\":\"o\"}")},
    {.seq = 1,
     .recorded_us = RECORDED,
     .kind = CF_K_POLICY,
     .time_us = CF_TIME_NONE,
     .public_text = S(
         "\"source\":\"admin\",\"body\":{\"rules\":[\"x,\\\"time\\\":\\\"2026-11-24T02:00:00.000001Z\"]}"),
     .payload = {S("{\"user\":\"dora\"}"), {NULL, 0}, {NULL, 0}, {NULL, 0}}},
};
