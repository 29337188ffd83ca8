-- Asks about domains by chance: `wrk -s domains.lua URL -- PATH TOKEN DOMAINS`, where %07d in PATH is the number.
local path, domains
function init(args)
   path, domains = args[1], tonumber(args[3])
   wrk.headers["Authorization"] = "Bearer " .. args[2]
   math.randomseed(7)
end
function request()
   return wrk.format("GET", string.format(path, math.random(0, domains - 1)))
end
