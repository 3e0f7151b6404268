/* SPDX-License-Identifier: MIT */
/* The entry point of a fuzz target, called by libFuzzer or by replay.c. */
#ifndef CF_TEST_FUZZ_H
#define CF_TEST_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
