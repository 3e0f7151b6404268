/* SPDX-License-Identifier: MIT */
/* Inside the service: what its programs need of it. */
#ifndef CF_DOOR_SERVICE_IN_H
#define CF_DOOR_SERVICE_IN_H

#include "fcgi-app/door/service.h"

/* for the requests that are being served when leaving */
#define CF_SERVICE_LEAVE_US INT64_C(30000000)

struct cf_owner;

/* The owner, where this process is it; else NULL. */
struct cf_owner *cf_service_owner(struct cf_service *service);

#endif
