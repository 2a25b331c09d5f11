// cachemodel: what tests of loads stand on: a source, and a cache whose time and tasks stand still.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/cache.hpp>
#include <cachemodel/error.hpp>
#include <cachemodel/testing/manual_executor.hpp>
#include <cachemodel/testing/recording_backend.hpp>
#include <cachemodel/testing/scripted_backend.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include "envelope.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace cachemodel::support {

/// A source of rows, for one thread at a time.
struct Table {
    std::map<std::string, int> rows;
    std::vector<std::string> asked = {};  ///< what was asked for, each time
    std::function<void()> before_answer = {};
    bool is_broken = false;

    int row(const std::string& name) {
        asked.push_back(name);
        if (before_answer) before_answer();
        if (is_broken) throw std::runtime_error("the table is broken");
        const auto found = rows.find(name);
        if (found == rows.end()) throw Missing{};
        return found->second;
    }
    /// How often it was asked since this was last called.
    std::size_t take_asked() {
        const std::size_t count = asked.size();
        asked.clear();
        return count;
    }
};

/// A table in which tea costs 100, a cache, and what that is made of.
struct LoadRig {
    testing::TurnableClock clock;
    std::shared_ptr<testing::ScriptedBackend> scripted =
        std::make_shared<testing::ScriptedBackend>(clock);
    std::shared_ptr<testing::RecordingBackend> recording =
        std::make_shared<testing::RecordingBackend>(scripted);
    std::shared_ptr<testing::ManualExecutor> executor = std::make_shared<testing::ManualExecutor>();
    Cache cache{recording, {.executor = executor, .seed = 1, .clock = clock}};
    Table table{{{"tea", 100}}};

    testing::CallLog& log() { return recording->log(); }
    Statistics counted() const { return cache.statistics(); }

    /// What the only entry tells.
    detail::Envelope envelope() {
        const std::string key = scripted->keys().at(0);
        bytes = scripted->stored(key).value();
        return detail::open_entry(bytes, key.substr(key.find(':', 1) + 1)).entry.value().envelope;
    }
    /// The end that the only entry tells, as time from now.
    std::optional<std::chrono::milliseconds> fresh_for() {
        const auto end = envelope().fresh_until;
        if (!end) return std::nullopt;
        return std::chrono::duration_cast<std::chrono::milliseconds>(*end - clock.wall());
    }
    /// For how long the backend keeps the only entry.
    Lifetime kept_for() { return scripted->lifetime_left(scripted->keys().at(0)).value(); }

    std::string bytes;  ///< of the last `envelope()`
};

}  // namespace cachemodel::support
