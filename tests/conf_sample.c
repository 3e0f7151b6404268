/* SPDX-License-Identifier: MIT */
/* Prints the sample configuration that belongs to the table of options;
 * conf/counterfoil.conf.sample must be the same. */
#include "config.h"

#include <stdio.h>

#include "lib/base/conf.h"

int main(void)
{
  struct cf_buf b;

  cf_buf_init(&b, 1 << 20);
  cf_conf_sample(&b);
  int bad = b.err != CF_OK || fwrite(b.p, 1, b.n, stdout) != b.n || fflush(stdout) != 0;
  cf_buf_fini(&b);
  return bad;
}
