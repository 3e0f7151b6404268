/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "tests/unit/ledger/forge_append.h"

#include <fcntl.h>

#include "lib/ledger/ledger_in.h"
#include "tests/unit/segment/forge.h"

static void event_append(struct cf_ledger *l, const char *json)
{
  struct cf_event event = {0};
  const struct cf_event *pointer = &event;
  struct cf_place place;
  struct cf_append append = {.events = &pointer, .n = 1, .places = &place};
  const struct cf_event_rules rules = {.source = CF_STR("web")};
  forge_must(cf_event_parse(cf_str_from(json), &rules, &event, NULL), "an event");
  forge_must(cf_ledger_append(l, &append), "append");
  cf_event_fini(&event);
}

void forge_append(const char *data, const char *signer, const char *json)
{
  struct cf_conf conf;
  struct cf_ledger *l = NULL;
  forge_must(cf_conf_defaults(&conf), "configuration");
  forge_must(cf_conf_set(&conf, CF_STR("data"), cf_str_from(data), NULL), "data");
  forge_must(cf_conf_check(&conf, NULL), "configuration");
  forge_must(cf_ledger_new(&conf, "", &l, NULL), "ledger");
  l->directory = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  forge_must(cf_ledger_open_env(l, CF_BDB_READ, false, NULL), "database");
  forge_must(cf_recover(l, NULL), "ledger");
  forge_must(cf_signer_create(signer, cf_str_from(l->origin), NULL, NULL), signer);
  forge_must(cf_signer_open(signer, cf_str_from(l->origin), &l->signer, NULL), signer);
  event_append(l, json);
  cf_ledger_free(l);
  cf_conf_fini(&conf);
}
