/* SPDX-License-Identifier: MIT */
/* JSON log lines into events: the formats of servers and services, and what
 * they write that is no JSON, or more than the ledger takes. */
#include "config.h"

#include "tests/unit/input/logline_check.h"

static const struct check_row rows[] =
    {
        {"{\"time\":\"2015-05-17T10:05:03Z\",\"user\":\"alice\",\"method\":\"GET\",\"resource\":\"/a?b\",\"status\":200,\"bytes\":7,\"attributes\":{\"k\":[1,null]},\"x\":1.50}",
         TIME
         ",\"method\":\"GET\",\"status\":200,\"user\":\"alice\",\"resource\":\"/a?b\",\"bytes\":7,\"attributes\":{\"k\":[1,null],\"x\":1.50}"},
        {"{\"time_local\":\"17/May/2015:10:05:03 +0000\",\"remote_addr\":\"192.0.2.1\",\"remote_user\":\"\",\"request\":\"POST /p?q=1 HTTP/2.0\",\"status\": \"201\",\"body_bytes_sent\":\"12\","
         "\"request_time\":\"0.0423\",\"http_referrer\":\"\",\"http_user_agent\":\"ua\",\"http_host\":\"h.example:8443\",\"upstream\":\"u\"}",
         TIME
         ",\"method\":\"POST\",\"status\":201,\"ip\":\"192.0.2.1\",\"user_agent\":\"ua\",\"resource\":\"/p\",\"query\":\"q=1\",\"host\":\"h.example\",\"bytes\":12,\"duration_us\":42300,"
         "\"protocol\":\"HTTP/2.0\",\"attributes\":{\"port\":\"8443\",\"upstream\":\"u\"}"},
        {"{\"@timestamp\":1431857103,\"clientIp\":\"2001:DB8::1\",\"verb\":\"GET\",\"uri\":\"/x?y\",\"response\":404,\"agent\":\"-\",\"bytes\":\"-\",\"duration_ms\":1.5}",
         TIME
         ",\"method\":\"GET\",\"status\":404,\"ip\":\"2001:db8::1\",\"resource\":\"/x\",\"query\":\"y\",\"duration_us\":1500"},
        {"{\"msec\":\"1431857103.000\",\"request_uri\":\"/a?b\",\"uri\":\"/a\",\"args\":\"b\",\"request_method\":\"GET\"}",
         TIME ",\"method\":\"GET\",\"resource\":\"/a\",\"query\":\"b\""},
        /* apache's escapes, raw control characters, no UTF-8 */
        {"{\"method\":\"GET\",\"user_agent\":\"a\\x22\\x5c\\x0a\\v\\a\\q\t\\\"\\u00e9\",\"user\":\"\\xc3\\xa9\xff\"}",
         "\"method\":\"GET\",\"user\":\"\xc3\xa9\\\\xff\",\"user_agent\":\"a\\\"\\\\\\n\\u000b\\u0007\\\\q\\t\\\"\xc3\xa9\",\"attributes\":{\"not_utf8\":\"raw\"}"},
        {"{\"method\":\"GET\",\"user\":\"\xff\"}",
         "\"method\":\"GET\",\"user\":\"\\\\xff\",\"attributes\":{\"not_utf8\":\"raw\"}"},
        {"{\"msg\":\"hello\",\"level\":\"info\",\"none\":null}",
         "\"message\":\"hello\",\"attributes\":{\"level\":\"info\"}"},
        {"  {\"level\":\"info\"}  ", "\"action\":\"log.line\",\"attributes\":{\"level\":\"info\"}"},
        {"{}", "\"action\":\"log.line\""},
        /* what its member does not take, and the line's own id */
        {"{\"source\":\"x\",\"writer\":\"k3\",\"id\":7,\"source_seq\":8,\"status\":1000,\"ip\":\"nobody\",\"method\":\"GE T\",\"time\":\"noon\",\"action\":\"a b\",\"outcome\":\"ok\",\"user\":{\"n\":1},\"message\":\"m\"}",
         "\"source_seq\":8,\"message\":\"m\",\"attributes\":{\"action\":\"a b\",\"id\":7,\"ip\":\"nobody\",\"method\":\"GE T\",\"outcome\":\"ok\",\"source\":\"x\",\"status\":1000,\"time\":\"noon\","
         "\"user\":{\"n\":1},\"writer\":\"k3\"}"},
        {"{\"message\":\"m\",\"user\":true,\"attributes\":\"text\",\"request_time\":5,\"duration_ms\":\"x\"}",
         "\"user\":\"true\",\"message\":\"m\",\"attributes\":{\"attributes\":\"text\",\"duration_ms\":\"x\",\"request_time\":5}"},
        {"{\"request\":\"\\u0016\\u0003\",\"status\":400}",
         "\"status\":400,\"message\":\"\\u0016\\u0003\""},
        {"{\"request_method\":\"GET\",\"request\":\"POST / HTTP/1.1\"}",
         "\"method\":\"GET\",\"attributes\":{\"request\":\"POST / HTTP/1.1\"}"},
        {"{\"message\":\"nul \\u0000\"}", "\"message\":\"nul \\u0000\""},
        /* a port behind the client, brackets, a zone */
        {"{\"timestamp\":\"10/Oct/2023:13:55:36 +0200\",\"clientip\":\"192.0.2.61:4711\",\"verb\":\"GET\",\"url\":\"/e\",\"response\":200}",
         "\"time\":\"2023-10-10T11:55:36.000000Z\",\"method\":\"GET\",\"status\":200,\"ip\":\"192.0.2.61\",\"resource\":\"/e\",\"attributes\":{\"client_port\":\"4711\"}"},
        {"{\"method\":\"GET\",\"remote_addr\":\"[2001:DB8::7]:51234\",\"client_port\":7}",
         "\"method\":\"GET\",\"ip\":\"2001:db8::7\",\"attributes\":{\"client_port\":7,\"remote_addr\":\"[2001:DB8::7]:51234\"}"},
        {"{\"method\":\"GET\",\"client\":\"[2001:db8::7]\"}",
         "\"method\":\"GET\",\"ip\":\"2001:db8::7\""},
        {"{\"method\":\"GET\",\"ip\":\"fe80::1%eth0\"}",
         "\"method\":\"GET\",\"ip\":\"fe80::1\",\"attributes\":{\"client_zone\":\"eth0\"}"},
        {"{\"method\":\"GET\",\"http_host\":\"h.example:8443\",\"port\":\"x\"}",
         "\"method\":\"GET\",\"host\":\"h.example\",\"attributes\":{\"http_host\":\"h.example:8443\",\"port\":\"x\"}"},
        /* odd numbers are kept as text, and the line with them */
        {"{\"method\":\"GET\",\"status\":000,\"bytes\":-,\"request_time\":\"-\"}",
         "\"method\":\"GET\",\"attributes\":{\"status\":\"000\"}"},
        {"{\"method\":\"GET\",\"status\":\"000\",\"bytes\":-1,\"uri\":\"/neg\"}",
         "\"method\":\"GET\",\"resource\":\"/neg\",\"attributes\":{\"bytes\":-1,\"status\":\"000\"}"},
        {"{\"method\":\"GET\",\"status\":\"200\",\"bytes\":18446744073709551615,\"uri\":\"/huge\"}",
         "\"method\":\"GET\",\"status\":200,\"resource\":\"/huge\",\"attributes\":{\"bytes\":\"18446744073709551615\"}"},
        {"{\"method\":\"GET\",\"bytes\":1e400,\"n\":{\"deep\":[-1e999,1.5,1e308]},\"uri\":\"/inf\"}",
         "\"method\":\"GET\",\"resource\":\"/inf\",\"attributes\":{\"bytes\":\"1e400\",\"n\":{\"deep\":[\"-1e999\",1.5,1e308]}}"},
        {"{\"method\":\"GET\",\"status\":0,\"x\":1.123456789012345678901234567890123456789}",
         "\"method\":\"GET\",\"status\":0,\"attributes\":{\"x\":\"1.123456789012345678901234567890123456789\"}"},
        /* Apache's usual formats */
        {"{ \"time\":\"[10/Oct/2023:13:55:36 +0200]\", \"remoteIP\":\"192.0.2.62\", \"host\":\"a.example\", \"request\":\"/index.html\", \"query\":\"?x=1\", \"method\":\"GET\", \"status\":\"200\", \"userAgent\":\"UA\", \"referer\":\"-\" }",
         "\"time\":\"2023-10-10T11:55:36.000000Z\",\"method\":\"GET\",\"status\":200,\"ip\":\"192.0.2.62\",\"user_agent\":\"UA\",\"resource\":\"/index.html\",\"query\":\"x=1\",\"host\":\"a.example\""},
        {"{\"time\":\"2023-10-10T13:55:36+0200\",\"process\":\"D\",\"filename\":\"/var/www/x\",\"remoteIP\":\"192.0.2.62\",\"host\":\"a.example\",\"request\":\"/index.html\",\"query\":\"\",\"method\":\"GET\",\"status\":\"200\",\"userAgent\":\"UA\",\"referer\":\"-\"}",
         "\"time\":\"2023-10-10T11:55:36.000000Z\",\"method\":\"GET\",\"status\":200,\"ip\":\"192.0.2.62\",\"user_agent\":\"UA\",\"resource\":\"/index.html\",\"query\":\"\",\"host\":\"a.example\",\"attributes\":{\"filename\":\"/var/www/x\",\"process\":\"D\"}"},
        {"{\"query\":\"?x=1\",\"request_method\":\"GET\",\"request\":\"/a\"}",
         "\"method\":\"GET\",\"resource\":\"/a\",\"query\":\"x=1\""},
        {"{\"request_method\":\"GET\",\"request\":\"GET /a?b HTTP/1.1\",\"args\":\"b\"}",
         "\"method\":\"GET\",\"resource\":\"/a\",\"query\":\"b\",\"protocol\":\"HTTP/1.1\""},
        /* Caddy */
        {"{\"level\":\"info\",\"ts\":1664321642.8666267,\"logger\":\"http.log.access.log4\",\"msg\":\"handled request\",\"request\":{\"remote_ip\":\"198.51.100.16\",\"remote_port\":\"56620\",\"client_ip\":\"203.0.113.7\",\"proto\":\"HTTP/2.0\",\"method\":\"GET\",\"host\":\"dsmr.example.org\",\"uri\":\"/reports/q3?x=1\",\"headers\":{\"User-Agent\":[\"curl/7.74.0\"],\"Accept\":[\"*/*\"]},\"tls\":{\"resumed\":false,\"version\":772}},\"user_id\":\"alice\",\"duration\":0.031647866,\"size\":13341,\"status\":401,\"resp_headers\":{\"Server\":[\"Caddy\"]}}",
         "\"time\":\"2022-09-27T23:34:02.866626Z\",\"method\":\"GET\",\"status\":401,\"user\":\"alice\",\"ip\":\"203.0.113.7\",\"user_agent\":\"curl/7.74.0\",\"resource\":\"/reports/q3\",\"query\":\"x=1\",\"host\":\"dsmr.example.org\",\"bytes\":13341,\"duration_us\":31647,\"protocol\":\"HTTP/2.0\",\"message\":\"handled request\",\"attributes\":{\"level\":\"info\",\"logger\":\"http.log.access.log4\",\"request\":{\"headers\":{\"Accept\":[\"*/*\"]},\"remote_ip\":\"198.51.100.16\",\"remote_port\":\"56620\",\"tls\":{\"resumed\":false,\"version\":772}},\"resp_headers\":{\"Server\":[\"Caddy\"]}}"},
        {"{\"level\":\"info\",\"ts\":\"2022/09/27 23:34:02\",\"msg\":\"handled request\",\"request\":{\"remote_addr\":\"198.51.100.16:63746\",\"proto\":\"HTTP/1.1\",\"method\":\"GET\",\"host\":\"127.0.0.1\",\"uri\":\"/\"},\"duration\":3.5,\"size\":0,\"status\":0}",
         "\"time\":\"2022-09-27T23:34:02.000000Z\",\"method\":\"GET\",\"status\":0,\"ip\":\"198.51.100.16\",\"resource\":\"/\",\"host\":\"127.0.0.1\",\"bytes\":0,\"duration_us\":3500000,\"protocol\":\"HTTP/1.1\",\"message\":\"handled request\",\"attributes\":{\"client_port\":\"63746\",\"level\":\"info\",\"zone_assumed\":\"+00:00\"}"},
        {"{\"level\":\"error\",\"ts\":1708394727.3412683,\"msg\":\"handled request\",\"request\":{\"remote_ip\":\"198.51.100.16\",\"method\":\"POST\",\"uri\":\"/x\"},\"duration\":1e-05,\"size\":0,\"status\":0}",
         "\"time\":\"2024-02-20T02:05:27.341268Z\",\"method\":\"POST\",\"status\":0,\"ip\":\"198.51.100.16\",\"resource\":\"/x\",\"bytes\":0,\"duration_us\":10,\"message\":\"handled request\",\"attributes\":{\"level\":\"error\"}"},
        /* ECS, as logstash and others write it */
        {"{\"@timestamp\":\"2015-05-17T10:05:03Z\",\"client\":{\"ip\":\"192.0.2.1\",\"port\":4711},\"user\":{\"name\":\"alice\",\"id\":\"7\"},\"http\":{\"version\":\"1.1\",\"request\":{\"id\":\"r1\",\"method\":\"GET\",\"referrer\":\"http://r/\"},\"response\":{\"status_code\":404,\"body\":{\"bytes\":12}}},\"url\":{\"domain\":\"h.example\",\"path\":\"/a\",\"query\":\"b=c\",\"full\":\"https://h.example/a?b=c\"},\"user_agent\":{\"original\":\"ua\"},\"event\":{\"action\":\"page-view\",\"duration\":1500999,\"outcome\":\"failure\",\"dataset\":\"d\"}}", TIME
         ",\"action\":\"page-view\",\"method\":\"GET\",\"status\":404,\"outcome\":\"failure\",\"user\":\"alice\",\"ip\":\"192.0.2.1\",\"user_agent\":\"ua\",\"referer\":\"http://r/\",\"resource\":\"/a\",\"query\":\"b=c\",\"host\":\"h.example\",\"request_id\":\"r1\",\"bytes\":12,\"duration_us\":1500,\"protocol\":\"1.1\",\"attributes\":{\"client\":{\"port\":4711},\"event\":{\"dataset\":\"d\"},\"url\":{\"full\":\"https://h.example/a?b=c\"},\"user\":{\"id\":\"7\"}}"},
        {"{\"@timestamp\":\"2015-05-17T10:05:03Z\",\"source\":{\"address\":\"192.0.2.1\"},\"http.request.method\":\"GET\",\"url.full\":\"http://h.example:81?x\",\"agent\":{\"type\":\"filebeat\"}}",
         TIME
         ",\"method\":\"GET\",\"ip\":\"192.0.2.1\",\"resource\":\"\",\"query\":\"x\",\"host\":\"h.example\",\"attributes\":{\"agent\":{\"type\":\"filebeat\"},\"port\":\"81\",\"url.full\":\"http://h.example:81?x\"}"},
        {"{\"@timestamp\":\"2015-05-17T10:05:03Z\",\"clientip\":\"192.0.2.1\",\"ident\":\"-\",\"auth\":\"frank\",\"verb\":\"GET\",\"request\":\"/a.gif\",\"httpversion\":\"1.0\",\"response\":\"200\",\"bytes\":\"2326\"}",
         TIME
         ",\"method\":\"GET\",\"status\":200,\"user\":\"frank\",\"ip\":\"192.0.2.1\",\"resource\":\"/a.gif\",\"bytes\":2326,\"protocol\":\"1.0\",\"attributes\":{\"ident\":\"-\"}"},
        /* Google's load balancer */
        {"{\"httpRequest\":{\"requestMethod\":\"GET\",\"requestUrl\":\"https://www.example.com/search?q=x\",\"requestSize\":\"299\",\"status\":302,\"responseSize\":\"1200\",\"userAgent\":\"ua\",\"remoteIp\":\"192.0.2.9\",\"serverIp\":\"198.51.100.2\",\"latency\":\"0.064500s\",\"protocol\":\"HTTP/1.1\",\"referer\":\"http://r/\"},\"insertId\":\"i\",\"severity\":\"INFO\",\"timestamp\":\"2015-05-17T10:05:03.000000Z\"}",
         TIME
         ",\"method\":\"GET\",\"status\":302,\"ip\":\"192.0.2.9\",\"user_agent\":\"ua\",\"referer\":\"http://r/\",\"resource\":\"/search\",\"query\":\"q=x\",\"host\":\"www.example.com\",\"bytes\":1200,\"duration_us\":64500,\"protocol\":\"HTTP/1.1\",\"attributes\":{\"httpRequest\":{\"requestSize\":\"299\",\"requestUrl\":\"https://www.example.com/search?q=x\",\"serverIp\":\"198.51.100.2\"},\"insertId\":\"i\",\"severity\":\"INFO\"}"},
        /* Traefik */
        {"{\"ClientAddr\":\"192.0.2.1:4711\",\"ClientHost\":\"192.0.2.1\",\"ClientPort\":\"4711\",\"ClientUsername\":\"-\",\"DownstreamContentSize\":5,\"DownstreamStatus\":200,\"Duration\":77000,\"OriginStatus\":200,\"RequestAddr\":\"h.example\",\"RequestHost\":\"h.example\",\"RequestMethod\":\"GET\",\"RequestPath\":\"/a?b\",\"RequestProtocol\":\"HTTP/1.1\",\"StartUTC\":\"2015-05-17T10:05:02.9Z\",\"level\":\"info\",\"msg\":\"\",\"request_User-Agent\":\"ua\",\"time\":\"2015-05-17T10:05:03Z\"}",
         TIME
         ",\"method\":\"GET\",\"status\":200,\"ip\":\"192.0.2.1\",\"user_agent\":\"ua\",\"resource\":\"/a\",\"query\":\"b\",\"host\":\"h.example\",\"bytes\":5,\"protocol\":\"HTTP/1.1\",\"attributes\":{\"ClientPort\":\"4711\",\"Duration\":77000,\"OriginStatus\":200,\"StartUTC\":\"2015-05-17T10:05:02.9Z\",\"client_port\":\"4711\",\"level\":\"info\"}"},
        /* Envoy and Istio */
        {"{\"authority\":\"h.example\",\"bytes_received\":0,\"bytes_sent\":19,\"downstream_remote_address\":\"192.0.2.1:4711\",\"duration\":2,\"method\":\"GET\",\"path\":\"/a?b\",\"protocol\":\"HTTP/1.1\",\"request_id\":\"r1\",\"response_code\":200,\"response_flags\":\"-\",\"start_time\":\"2015-05-17T10:05:03.000Z\",\"user_agent\":\"ua\",\"x_forwarded_for\":null}",
         TIME
         ",\"method\":\"GET\",\"status\":200,\"ip\":\"192.0.2.1\",\"user_agent\":\"ua\",\"resource\":\"/a\",\"query\":\"b\",\"host\":\"h.example\",\"request_id\":\"r1\",\"bytes\":19,\"protocol\":\"HTTP/1.1\",\"attributes\":{\"bytes_received\":0,\"client_port\":\"4711\",\"duration\":2,\"response_flags\":\"-\"}"},
        /* ingress-nginx */
        {"{\"time\":\"2015-05-17T10:05:03+00:00\",\"remote_addr\":\"192.0.2.1\",\"x_forwarded_for\":\"192.0.2.1\",\"request_id\":\"r1\",\"remote_user\":\"\",\"bytes_sent\":5,\"request_time\":0.004,\"status\":200,\"vhost\":\"h.example\",\"request_proto\":\"HTTP/1.1\",\"path\":\"/a\",\"request_query\":\"b\",\"request_length\":9,\"duration\":0.004,\"method\":\"GET\",\"http_referrer\":\"\",\"http_user_agent\":\"ua\"}",
         TIME
         ",\"method\":\"GET\",\"status\":200,\"ip\":\"192.0.2.1\",\"user_agent\":\"ua\",\"resource\":\"/a\",\"query\":\"b\",\"host\":\"h.example\",\"request_id\":\"r1\",\"bytes\":5,\"duration_us\":4000,\"protocol\":\"HTTP/1.1\",\"attributes\":{\"duration\":0.004,\"request_length\":9,\"x_forwarded_for\":\"192.0.2.1\"}"},
        /* AWS: API Gateway, WAF, CloudTrail */
        {"{\"requestId\":\"r1\",\"ip\":\"192.0.2.1\",\"caller\":\"-\",\"user\":\"-\",\"requestTime\":\"17/May/2015:10:05:03 +0000\",\"httpMethod\":\"GET\",\"resourcePath\":\"/pets/{id}\",\"path\":\"/pets/7\",\"status\":\"200\",\"protocol\":\"HTTP/1.1\",\"responseLength\":\"5\"}", TIME
         ",\"method\":\"GET\",\"status\":200,\"ip\":\"192.0.2.1\",\"resource\":\"/pets/7\",\"request_id\":\"r1\",\"bytes\":5,\"protocol\":\"HTTP/1.1\",\"attributes\":{\"caller\":\"-\",\"resourcePath\":\"/pets/{id}\"}"},
        {"{\"timestamp\":1431857103000,\"action\":\"BLOCK\",\"httpRequest\":{\"clientIp\":\"192.0.2.1\",\"country\":\"AU\",\"headers\":[{\"name\":\"Host\",\"value\":\"h\"}],\"uri\":\"/a\",\"args\":\"b\",\"httpVersion\":\"HTTP/1.1\",\"httpMethod\":\"GET\",\"requestId\":\"r1\"}}",
         TIME
         ",\"action\":\"BLOCK\",\"method\":\"GET\",\"ip\":\"192.0.2.1\",\"resource\":\"/a\",\"query\":\"b\",\"request_id\":\"r1\",\"protocol\":\"HTTP/1.1\",\"attributes\":{\"httpRequest\":{\"country\":\"AU\",\"headers\":[{\"name\":\"Host\",\"value\":\"h\"}]}}"},
        {"{\"eventVersion\":\"1.0\",\"userIdentity\":{\"type\":\"IAMUser\",\"arn\":\"arn:aws:iam::1:user/Alice\",\"userName\":\"Alice\"},\"eventTime\":\"2015-05-17T10:05:03Z\",\"eventName\":\"StartInstances\",\"sourceIPAddress\":\"192.0.2.1\",\"userAgent\":\"ua\",\"requestID\":\"r1\"}",
         TIME
         ",\"action\":\"StartInstances\",\"user\":\"Alice\",\"ip\":\"192.0.2.1\",\"user_agent\":\"ua\",\"request_id\":\"r1\",\"attributes\":{\"eventVersion\":\"1.0\",\"userIdentity\":{\"arn\":\"arn:aws:iam::1:user/Alice\",\"type\":\"IAMUser\"}}"},
        /* pino */
        {"{\"level\":30,\"time\":1431857103000,\"req\":{\"id\":1,\"method\":\"GET\",\"url\":\"/a?b\",\"headers\":{\"user-agent\":\"ua\"},\"remoteAddress\":\"::ffff:192.0.2.1\",\"remotePort\":4711},\"res\":{\"statusCode\":200},\"responseTime\":12,\"msg\":\"request completed\"}",
         TIME
         ",\"method\":\"GET\",\"status\":200,\"ip\":\"192.0.2.1\",\"user_agent\":\"ua\",\"resource\":\"/a\",\"query\":\"b\",\"request_id\":\"1\",\"message\":\"request completed\",\"attributes\":{\"level\":30,\"req\":{\"remotePort\":4711},\"responseTime\":12}"},
        /* Kubernetes: short, with more than one address */
        {"{\"kind\":\"Event\",\"auditID\":\"a1\",\"requestURI\":\"/api/v1/pods?x=1\",\"verb\":\"create\",\"user\":{\"username\":\"user1\",\"groups\":[\"g\"]},\"sourceIPs\":[\"192.0.2.80\",\"198.51.100.2\"],\"userAgent\":\"kubectl\",\"responseStatus\":{\"metadata\":{},\"code\":201},\"requestReceivedTimestamp\":\"2015-05-17T10:05:03.000000Z\",\"stageTimestamp\":\"2015-05-17T10:05:04.000000Z\"}", TIME ",\"method\":\"create\",\"status\":201,\"user\":\"user1\",\"ip\":\"192.0.2.80\",\"user_agent\":\"kubectl\",\"resource\":\"/api/v1/pods\",\"query\":\"x=1\",\"request_id\":\"a1\",\"attributes\":{\"kind\":\"Event\",\"responseStatus\":{\"metadata\":{}},\"sourceIPs\":[\"192.0.2.80\",\"198.51.100.2\"],\"stageTimestamp\":\"2015-05-17T10:05:04.000000Z\",\"user\":{\"groups\":[\"g\"]}}"},
        {"{\"kind\":\"Event\",\"level\":\"RequestResponse\",\"auditID\":\"9ac5\",\"requestURI\":\"/api/v1/namespaces/foo/pods?fieldManager=k\",\"verb\":\"create\",\"user\":{\"username\":\"user1\",\"groups\":[\"system:masters\"]},\"sourceIPs\":[\"192.0.2.80\"],\"userAgent\":\"kubectl/v1.26.0\",\"objectRef\":{\"resource\":\"pods\",\"namespace\":\"foo\"},\"responseStatus\":{\"metadata\":{},\"code\":201},\"responseObject\":{\"metadata\":{\"managedFields\":[{\"fieldsV1\":{\"f:spec\":{\"f:containers\":{\"k:{\\\"name\\\":\\\"centos\\\"}\":{\"f:securityContext\":{\".\":{},\"f:privileged\":{}}}}}}}]}},\"requestReceivedTimestamp\":\"2023-05-17T13:59:57.756152Z\"}",
         "\"time\":\"2023-05-17T13:59:57.756152Z\",\"method\":\"create\",\"status\":201,\"user\":\"user1\",\"ip\":\"192.0.2.80\",\"user_agent\":\"kubectl/v1.26.0\",\"resource\":\"/api/v1/namespaces/foo/pods\",\"query\":\"fieldManager=k\",\"request_id\":\"9ac5\",\"attributes\":{\"kind\":\"Event\",\"level\":\"RequestResponse\",\"objectRef\":{\"namespace\":\"foo\",\"resource\":\"pods\"},\"responseObject\":{\"metadata\":{\"managedFields\":[{\"fieldsV1\":{\"f:spec\":{\"f:containers\":{\"k:{\\\"name\\\":\\\"centos\\\"}\":\"{\\\"f:securityContext\\\":{\\\".\\\":{},\\\"f:privileged\\\":{}}}\"}}}}]}},\"responseStatus\":{\"metadata\":{}},\"user\":{\"groups\":[\"system:masters\"]}}"},
        /* what is nested too deep is text there */
        {"{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":\"\\x22\"}}}}}}}},\"method\":\"GET\"}",
         "\"method\":\"GET\",\"attributes\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":\"{\\\"a\\\":\\\"\\\\x22\\\"}\"}}}}}}}}"},
        {"{\"method\":\"GET\",\"user\":\"alice\",\"k\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"]}\"]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}",
         "\"method\":\"GET\",\"user\":\"alice\",\"attributes\":{\"k\":[[[[[[[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"]}\\\"]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\"]]]]]]]}"},
        /* lists are no values */
        {"{\"method\":\"GET\",\"request\":{\"uri\":\"/\"}}",
         "\"method\":\"GET\",\"resource\":\"/\""},
        {"{\"method\":\"GET\",\"request\":{\"uri\":[\"/a\",\"/b\"],\"host\":{\"x\":1}},\"userName\":[\"alice\"],\"url\":{\"path\":\"-\"}}",
         "\"method\":\"GET\",\"user\":\"alice\",\"attributes\":{\"request\":{\"host\":{\"x\":1},\"uri\":[\"/a\",\"/b\"]}}"},
};

START_TEST(test_json)
{
  const struct check_row *row = &rows[_i];
  check_row(cf_str_from(row->line), row->event);
  ck_assert_int_eq(checked.format, CF_LOG_JSON);
}
END_TEST

/* An audit event of Kubernetes whose objects are larger than attributes may be:
 * its members are taken, and the line is there to read. */
START_TEST(test_large)
{
  static char line[60000];
  size_t n =
      (size_t)snprintf(line, sizeof line,
                       "{\"verb\":\"get\",\"user\":{\"username\":\"u\"},\"requestObject\":[");
  while (n < 50000)
    n += (size_t)snprintf(line + n, sizeof line - n, "{\"name\":\"centos\"},");
  n += (size_t)snprintf(line + n, sizeof line - n, "{}],\"requestURI\":\"/api/v1/pods\"}");
  const char *event = check_line((struct cf_str){line, n}, false);
  ck_assert_int_eq(checked.format, CF_LOG_JSON);
  ck_assert_ptr_nonnull(
      strstr(event,
             "\"method\":\"get\",\"user\":\"u\",\"resource\":\"/api/v1/pods\",\"message\":\"{"));
  ck_assert_ptr_null(checked.v[CF_M_ATTRIBUTES].p);
}
END_TEST

START_TEST(test_mangled)
{
  check_mangled(rows[_i].line);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "json",
       .test = test_json,
       .loops = CF_COUNT(rows),
       .setup = check_open,
       .teardown = check_close},
      {.tcase = "json", .test = test_large},
      {.tcase = "json", .test = test_mangled, .loops = CF_COUNT(rows)},
  };
  return cf_test_run("logline_json", tests, CF_COUNT(tests));
}
