-- One citizen after the other: a new report with a key of its own in every request.
local text = string.rep("Jalan di depan sekolah berlubang sejak tiga bulan, beberapa anak sudah jatuh. ", 8)
local contact = os.getenv("BENCH_CONTACT") == "no" and "" or
  ',"contact":{"name":"Warga Kotabaru","email":"warga@contoh.example","phone":"+62 811-5555-0199","language":"id"}'
local body = '{"kind":"complaint","title":"Jalan berlubang di depan sekolah","text":"' .. text ..
  '","event_date":"2026-11-20","place":{"district":"63.02.06","detail":"Jalan Pelabuhan"},' ..
  '"confidentiality":"' .. (contact == "" and "anonymous" or "confidential") .. '","hidden_from_public":false' .. contact .. '}'
local run, thread_number, threads = os.getenv("BENCH_RUN") or tostring(os.time()), 0, {}

function setup(thread)
  thread:set("number", thread_number)
  thread_number = thread_number + 1
  table.insert(threads, thread)
end

local sent = 0
function request()
  sent = sent + 1
  return wrk.format("POST", nil, {
    ["Content-Type"] = "application/json",
    ["Idempotency-Key"] = string.format("bench-%s-%d-%09d", run, number, sent),
  }, body)
end

function done(summary, latency)
  io.write(string.format('{"requests":%d,"seconds":%f,"p50":%f,"p99":%f,"refused":%d,"broken":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e6, latency:percentile(99) / 1e6,
    summary.errors.status, summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
