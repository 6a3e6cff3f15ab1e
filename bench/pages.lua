-- wrk: each request asks for another page of the runs list, so that no cache of answers helps.
-- Environment: PAGES_NEWEST, the id of the newest run.
local newest = tonumber(os.getenv("PAGES_NEWEST"))
local before = newest
request = function()
    before = before - 1
    if before < 60 then before = newest end
    return wrk.format("GET", "/api/v1/runs?limit=50&before=" .. before)
end
