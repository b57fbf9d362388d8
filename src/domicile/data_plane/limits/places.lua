-- Shares the places of an engine between the processes of a region.
-- KEYS[1]: the engine. ARGV: process, all places, places that the process may use now, requests that run or wait there, seconds
-- for which this holds. Returns: the places that the process may use from now on, and 1 when some process lacks places.
-- A hash field for each process: places, requests, and the time at which it counts as ended. Places grow here at once. They shrink
-- when the process says so: then no request of it is beyond them.
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local process, total, mine = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local held, demands, names, others = {[process] = mine}, {[process] = tonumber(ARGV[4])}, {process}, 0
local rows = redis.call('HGETALL', KEYS[1])
for i = 1, #rows, 2 do
  local places, demand, ends = string.match(rows[i + 1], '(%S+) (%S+) (%S+)')
  if tonumber(ends) <= now then
    redis.call('HDEL', KEYS[1], rows[i])
  elseif rows[i] ~= process then
    names[#names + 1] = rows[i]
    held[rows[i]], demands[rows[i]] = tonumber(places), tonumber(demand)
    others = others + held[rows[i]]
  end
end
table.sort(names)
-- Those that need the least first: each gets what it needs, up to an equal part of what is left.
local order = {}
for i = 1, #names do order[i] = names[i] end
table.sort(order, function(a, b)
  if demands[a] ~= demands[b] then return demands[a] < demands[b] end
  return a < b
end)
local left, targets, pressed, lacking, level = total, {}, 0, {}, nil
for i, name in ipairs(order) do
  local equal = level or math.floor(left / (#order - i + 1))
  targets[name] = math.min(demands[name], equal)
  left = left - targets[name]
  if targets[name] < demands[name] then
    level = equal
    lacking[#lacking + 1] = name
  end
  if held[name] < demands[name] then pressed = 1 end
end
-- What is left goes to those that lack places, else to all, so that an idle process can begin at once. Who gets an odd one
-- changes every second, so that no process waits for ever where there are fewer places than processes.
local sharing = #lacking > 0 and lacking or names
table.sort(sharing)
local first = math.floor(now)
for i = 1, #sharing do
  local name = sharing[(first + i) % #sharing + 1]
  targets[name] = targets[name] + math.floor(left / #sharing) + (i <= left % #sharing and 1 or 0)
end
local granted = targets[process]
if granted > mine then
  granted = math.max(mine, math.min(granted, total - others))
  mine = granted
end
redis.call('HSET', KEYS[1], process, string.format('%d %d %.17g', mine, demands[process], now + tonumber(ARGV[5])))
redis.call('PEXPIRE', KEYS[1], math.ceil(tonumber(ARGV[5]) * 1000))
return {granted, pressed}
