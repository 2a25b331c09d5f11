// cachemodel: the soak: what all processes share.
// SPDX-License-Identifier: MIT
#pragma once

#include "soak/history.hpp"
#include "soak/models.hpp"
#include "soak/outages.hpp"
#include "soak/tally.hpp"

#include <array>
#include <atomic>

namespace cachemodel::soak {

struct World {
    Source source;
    std::array<History, keys_of_each> notes;
    Outages outages;
    Tally tally;
    std::atomic<bool> is_ending{false};
};

}  // namespace cachemodel::soak
