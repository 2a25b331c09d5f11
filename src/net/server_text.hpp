// cachemodel: what is shown of a server.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/backend.hpp>

#include "net/server.hpp"

#include <chrono>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace cachemodel::net {

/// For a message: what the server says; the beginning of `text` in printable ASCII, with `\xNN` for
/// all else.
std::string presentable(std::string_view text);

/// Within how much time something did not happen.
std::string within(std::chrono::nanoseconds allowed);

/// Why a server is not asked: for how long it has been down, and what it failed with.
std::string why_not_asked(const Server::Record& record);

/// How a server that answers has done lately.
Fact fact_of(const Server::Record& record, std::string subject);

/// How each of them has done lately, whether it answers or not.
std::vector<ServerState> states_of(const std::deque<Server>& servers);

}  // namespace cachemodel::net
