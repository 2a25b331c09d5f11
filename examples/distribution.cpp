// cachemodel example: which keys move when the list of memcached servers changes.
// SPDX-License-Identifier: MIT
#include <cachemodel/backends/memcached.hpp>

#include <cstdio>
#include <string>
#include <string_view>
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

void shares(std::string_view title, const Servers& servers) {
    std::printf("%s\n", std::string{title}.c_str());
    const auto names = holders(servers);
    for (const auto& each : servers) {
        int count = 0;
        for (const auto& name : names) count += name == each.host ? 1 : 0;
        std::printf("  %-10s %5.1f %%\n", each.host.c_str(), percent(count));
    }
}

void moved(std::string_view change, const Servers& before, const Servers& after) {
    const auto from = holders(before);
    const auto to = holders(after);
    int count = 0;
    for (std::size_t i = 0; i < from.size(); ++i) count += from[i] != to[i] ? 1 : 0;
    std::printf("%-34s %5.1f %% of the keys move\n", std::string{change}.c_str(), percent(count));
}

}  // namespace

int main() {
    const MemcachedServer a = server("10.0.0.1");
    const MemcachedServer b = server("10.0.0.2");
    const MemcachedServer c = server("10.0.0.3");
    const MemcachedServer d = server("10.0.0.4");

    shares("three servers", {a, b, c});
    shares("the second one has the weight 2", {a, server("10.0.0.2", 2), c});
    std::printf("\n");

    moved("a fourth one is added", {a, b, c}, {a, b, c, d});
    moved("the third one is removed", {a, b, c}, {a, b});
    moved("the third one is replaced", {a, b, c}, {a, b, d});
    moved("the list is in another order", {a, b, c}, {c, a, b});
    moved("the second one gets the weight 2", {a, b, c}, {a, server("10.0.0.2", 2), c});
    moved("the same ones, but by their names", {a, b, c},
          {server("cache1"), server("cache2"), server("cache3")});
}
