-- Gives back, then takes from all buckets of one owner, or from none. A missing bucket begins with what the caller believes.
-- KEYS[1]: the owner. ARGV, for each limit: kind, limit, window in seconds, returned, needed, wanted, believed to be left.
-- Returns: the place of the limit that refuses, from 1, or 0; then for each limit what was taken of `wanted`, and a thousand
-- times what is left. The hash holds for each kind the level (l), the limit (m) and the time (t) of its last change. It expires
-- when all buckets are full again.
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local count = #ARGV / 7
local fields, levels, answer = {}, {}, {0}
for i = 1, count do
  local kind = ARGV[7 * i - 6]
  fields[3 * i - 2], fields[3 * i - 1], fields[3 * i] = 'l' .. kind, 'm' .. kind, 't' .. kind
end
local held = redis.call('HMGET', KEYS[1], unpack(fields))
for i = 1, count do
  local limit, window = tonumber(ARGV[7 * i - 5]), tonumber(ARGV[7 * i - 4])
  local returned, needed = tonumber(ARGV[7 * i - 3]), tonumber(ARGV[7 * i - 2])
  local level = tonumber(ARGV[7 * i])
  if held[3 * i - 2] then
    -- What was taken under another limit stays taken. A clock that was set back gives nothing, and costs nothing.
    level = tonumber(held[3 * i - 2]) + limit - tonumber(held[3 * i - 1])
    level = level + math.max(0, now - tonumber(held[3 * i])) * limit / window
  end
  level = math.min(limit, math.min(limit, level) + returned)
  levels[i] = level
  if answer[1] == 0 and needed > 0 and needed > level then
    answer[1] = i
  end
end
local written, full_s = {}, 0
for i = 1, count do
  local limit, window = tonumber(ARGV[7 * i - 5]), tonumber(ARGV[7 * i - 4])
  local extra = 0
  if answer[1] == 0 then
    levels[i] = levels[i] - tonumber(ARGV[7 * i - 2])
    -- A sixteenth of the rest at most: the last of a limit is not set aside for one process.
    extra = math.max(0, math.min(tonumber(ARGV[7 * i - 1]), math.floor(levels[i] / 16)))
    levels[i] = levels[i] - extra
  end
  answer[2 * i], answer[2 * i + 1] = extra, math.floor(levels[i] * 1000)
  written[6 * i - 5], written[6 * i - 4] = fields[3 * i - 2], string.format('%.17g', levels[i])
  written[6 * i - 3], written[6 * i - 2] = fields[3 * i - 1], ARGV[7 * i - 5]
  written[6 * i - 1], written[6 * i] = fields[3 * i], string.format('%.17g', now)
  full_s = math.max(full_s, (limit - levels[i]) * window / limit)
end
redis.call('HSET', KEYS[1], unpack(written))
redis.call('PEXPIRE', KEYS[1], math.ceil(full_s * 1000) + 1000)
return answer
