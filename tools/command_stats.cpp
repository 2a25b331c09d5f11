// cachemodel: the command line tool: what a backend says of itself.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <chrono>
#include <string>

#include "commands.hpp"
#include "target.hpp"
#include "times.hpp"

namespace cachemodel::tool {

namespace {

using nlohmann::json;

constexpr std::string_view resolution = "lifetime_resolution_ns";

json as_json(const Capabilities& capabilities) {
    const auto limit = [](std::size_t most) {
        return most == Capabilities::unlimited ? json(nullptr) : json(most);
    };
    return {
        {resolution, capabilities.lifetime_resolution.count()},
        {"longest_key", limit(capabilities.longest_key)},
        {"largest_value", limit(capabilities.largest_value)},
        {"portable_keys_only", capabilities.portable_keys_only},
        {"shared", capabilities.shared},
        {"persistent", capabilities.persistent},
        {"compare_and_set", capabilities.compare_and_set},
        {"token_per_write", capabilities.token_per_write},
        {"atomic_increment", capabilities.atomic_increment},
        {"counters_stop_at_zero", capabilities.counters_stop_at_zero},
        {"tells_lifetimes", capabilities.tells_lifetimes},
        {"lists_keys", capabilities.lists_keys},
    };
}

std::string as_text(const json& value) {
    if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
    return value.is_null() ? "unlimited" : value.dump();
}

void show_row(Session& session, std::string name, const std::string& value) {
    constexpr std::size_t width = 22;
    name.resize(std::max(width, name.size()) + 2, ' ');
    session.show_line(name + value);
}

}  // namespace

void stats(Session& session) {
    const Target target{session};
    const Cache& cache = target.cache();
    json& document = session.document;
    const bool is_named = !session.arguments.document.empty();
    const std::string cache_name = visible(session.arguments.name, Shown::line);
    if (is_named) document["name"] = cache_name;
    document["cache"] = target.shown_url();
    document["prefix"] = cache.prefix();
    document["version"] = cache.version();
    document["capabilities"] = as_json(target.capabilities());
    document["facts"] = json::array();

    if (is_named) show_row(session, "name", cache_name);
    show_row(session, "cache", target.shown_url());
    show_row(session, "prefix", '"' + cache.prefix() + '"');
    show_row(session, "version", std::to_string(cache.version()));
    for (const auto& [name, value] : document["capabilities"].items()) {
        const bool is_time = name == resolution;
        show_row(
            session, is_time ? "lifetime_resolution" : name,
            is_time ? shown_lifetime(target.capabilities().lifetime_resolution) : as_text(value));
    }
    // What is known without the backend stands already where it does not answer.
    const auto facts = cache.backend().facts();
    if (!facts.empty()) session.show_line("");
    std::string subject;
    for (const auto& fact : facts) {
        document["facts"].push_back({{"subject", visible(fact.subject, Shown::message)},
                                     {"name", visible(fact.name, Shown::message)},
                                     {"value", visible(fact.value, Shown::message)}});
        if (fact.subject != subject) session.show_line(fact.subject, Look::faint);
        subject = fact.subject;
        show_row(session, fact.name, fact.value);
        if (fact.name == "state") session.failed(fact.value);
    }
}

}  // namespace cachemodel::tool
