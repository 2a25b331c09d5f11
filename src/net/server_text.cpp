// cachemodel: what is shown of a server.
// SPDX-License-Identifier: MIT
#include "net/server_text.hpp"

#include <chrono>
#include <utility>

#include "shown_text.hpp"

namespace cachemodel::net {

namespace {

/// In whole seconds, or milliseconds below one.
std::string shown(std::chrono::nanoseconds time) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
    if (seconds.count() != 0) return std::to_string(seconds.count()) + " s";
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(time);
    return std::to_string(milliseconds.count()) + " ms";
}

}  // namespace

std::string presentable(std::string_view text) {
    return "the server says: " + detail::shown_text(text, 200);
}

std::string within(std::chrono::nanoseconds allowed) {
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(allowed);
    return " within " + std::to_string(milliseconds.count()) + " ms";
}

std::string why_not_asked(const Server::Record& record) {
    return "not asked, down for " + shown(record.down_for) + ": " + record.last_trouble.what;
}

Fact fact_of(const Server::Record& record, std::string subject) {
    return {std::move(subject), "recent_failures",
            std::to_string(record.failed_calls) + " of " + std::to_string(record.calls) + " calls"};
}

std::vector<ServerState> states_of(const std::deque<Server>& servers) {
    std::vector<ServerState> states;
    for (const auto& server : servers) {
        const auto record = server.record();
        states.push_back({server.endpoint().name, record.is_down, record.down_for, record.calls,
                          record.failed_calls});
    }
    return states;
}

}  // namespace cachemodel::net
