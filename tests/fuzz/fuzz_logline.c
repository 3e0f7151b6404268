/* SPDX-License-Identifier: MIT */
/* Fuzz target: lines of a log on their way to events. The first byte chooses
 * how the input arrives in pieces, the rest is the file. What must hold: lines
 * and their offsets account for each byte, and each line becomes one event that
 * the ledger accepts, whatever it is. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/diag.h"
#include "lib/base/die.h"
#include "lib/input/lines.h"
#include "lib/input/logline.h"
#include "lib/record/event.h"
#include "tests/fuzz/fuzz.h"

static void check_event(struct cf_str event)
{
  const struct cf_event_rules rules = {.source = CF_STR("fuzz"), .cut_long = true};
  struct cf_event parsed;
  struct cf_fault fault;
  CF_ASSERT(event.n > 0 && event.p[event.n - 1] == '\n' &&
            memchr(event.p, '\n', event.n) == event.p + event.n - 1);
  CF_ASSERT(cf_event_parse(event, &rules, &parsed, &fault) == CF_OK);
  cf_event_fini(&parsed);
}

static void check_line(struct cf_logline *l, const struct cf_line *line, struct cf_buf *b)
{
  cf_buf_reset(b);
  CF_ASSERT(cf_logline_event(l, line->text, line->cut, CF_STR("fuzz"), CF_STR("0123456789abcdef.1"),
                             b) == CF_OK);
  check_event(cf_buf_str(b));
  cf_buf_reset(b);
  CF_ASSERT(cf_logline_text(l, line->text, line->cut) == CF_OK);
  cf_logline_put(l, CF_STR("fuzz"), CF_STR("0123456789abcdef.1"), b);
  check_event(cf_buf_str(b));
}

/* A pipe that gives `piece` bytes a read; 0: as much as it can. */
static void check_file(const uint8_t *data, size_t n, size_t piece)
{
  struct cf_lines lines;
  struct cf_line line;
  struct cf_logline l;
  struct cf_buf b;
  uint64_t at = 0;
  size_t given = 0, got = 1;
  int fd = memfd_create("fuzz", MFD_CLOEXEC);
  CF_ASSERT(fd >= 0);
  cf_lines_init(&lines, 0);
  cf_logline_init(&l);
  cf_buf_init(&b, 1U << 24);
  while (got > 0 || given < n) {
    size_t more = piece == 0 || piece > n - given ? n - given : piece;
    CF_ASSERT(pwrite(fd, data + given, more, (off_t)given) == (ssize_t)more);
    given += more;
    CF_ASSERT(cf_lines_read(&lines, fd, &got) == CF_OK);
    for (; cf_lines_take(&lines, got == 0 && given == n, &line); at = line.next) {
      CF_ASSERT(line.offset == at && line.next > at && line.text.n <= line.next - at);
      check_line(&l, &line, &b);
    }
  }
  CF_ASSERT(at == n && cf_lines_read_to(&lines) == n);
  cf_lines_fini(&lines);
  cf_logline_fini(&l);
  cf_buf_fini(&b);
  close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (size == 0)
    return 0;
  check_file(data + 1, size - 1, data[0] % 16);
  return 0;
}
