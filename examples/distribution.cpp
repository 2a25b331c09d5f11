// cachemodel example: which keys move when the list of memcached servers changes.
// SPDX-License-Identifier: MIT
#include <cachemodel/backends/memcached.hpp>

#include <cstdio>
#include <map>
#include <string>
#include <vector>

using namespace cachemodel;

namespace {

using Servers = std::vector<MemcachedServer>;

MemcachedServer server(std::string host, std::uint32_t weight = 1) {
    return {.host = std::move(host), .socket = {}, .weight = weight};
}

constexpr int keys = 100'000;

/// The servers are also known as cache1, cache2 and cache3.
std::string machine(const std::string& host) {
    return host.starts_with("cache") ? "10.0.0." + host.substr(5) : host;
}

/// The machine that holds each key. Nothing is connected to.
// [holders]
std::vector<std::string> holders(const Servers& servers) {
    const MemcachedBackend backend{{.servers = servers}};
    std::vector<std::string> names;
    for (int i = 0; i < keys; ++i) {
        const std::string final_key = ":1:User@1/id=" + std::to_string(i);
        names.push_back(machine(servers[backend.server_of(final_key)].host));
    }
    return names;
}
// [/holders]

double percent(int count) { return 100.0 * count / keys; }

void shares(const std::string& title, const std::vector<std::string>& names) {
    std::map<std::string, int> counts;
    for (const auto& name : names) ++counts[name];
    std::printf("%s\n", title.c_str());
    for (const auto& [name, count] : counts) {
        std::printf("  %-10s %5.1f %%\n", name.c_str(), percent(count));
    }
}

void moved(const std::string& change, const std::vector<std::string>& from,
           const std::vector<std::string>& to) {
    int count = 0;
    for (std::size_t i = 0; i < from.size(); ++i) count += from[i] != to[i] ? 1 : 0;
    std::printf("%-34s %5.1f %% of the keys move\n", change.c_str(), percent(count));
}

/// Those that move and do not move to the one that is new.
void moved_besides(const std::string& added, const std::vector<std::string>& from,
                   const std::vector<std::string>& to) {
    int count = 0;
    for (std::size_t i = 0; i < from.size(); ++i) count += from[i] != to[i] && to[i] != added;
    std::printf("%-34s %5.1f %% move between those that stay\n", "", percent(count));
}

}  // namespace

int main() {
    const MemcachedServer a = server("10.0.0.1");
    const MemcachedServer b = server("10.0.0.2");
    const MemcachedServer c = server("10.0.0.3");
    const MemcachedServer d = server("10.0.0.4");

    const auto before = holders({a, b, c});
    const auto weighted = holders({a, server("10.0.0.2", 2), c});
    shares("three servers", before);
    shares("the second one has the weight 2", weighted);
    std::printf("\n");

    const auto four = holders({a, b, c, d});
    moved("a fourth one is added", before, four);
    moved_besides("10.0.0.4", before, four);
    const auto four_weighted = holders({a, server("10.0.0.2", 2), c, d});
    moved("the same, with the weights 1, 2, 1", weighted, four_weighted);
    moved_besides("10.0.0.4", weighted, four_weighted);
    moved("the third one is removed", before, holders({a, b}));
    moved("the third one is replaced", before, holders({a, b, d}));
    moved("the list is in another order", before, holders({c, a, b}));
    moved("the second one gets the weight 2", before, weighted);
    moved("the same ones, but by their names", before,
          holders({server("cache1"), server("cache2"), server("cache3")}));
}
