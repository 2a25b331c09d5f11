// cachemodel: what tests of cached calls stand on.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/cache.hpp>
#include <cachemodel/testing/recording_backend.hpp>
#include <cachemodel/testing/scripted_backend.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

namespace cachemodel::support {

/// How often cached functions have run in this test; for those of one thread.
inline int runs = 0;
/// What they do besides.
inline std::function<void()> during_run;

inline void count_run() {
    ++runs;
    if (during_run) during_run();
}

/// A cache that can be scripted, recorded and turned, and none of what an earlier test has counted.
struct CallRig {
    CallRig() { runs = 0; }
    ~CallRig() { during_run = {}; }
    CallRig(const CallRig&) = delete;
    CallRig& operator=(const CallRig&) = delete;

    testing::TurnableClock clock;
    std::shared_ptr<testing::ScriptedBackend> scripted =
        std::make_shared<testing::ScriptedBackend>(clock);
    std::shared_ptr<testing::RecordingBackend> recording =
        std::make_shared<testing::RecordingBackend>(scripted);
    Cache cache{recording, {.clock = clock}};

    testing::CallLog& log() { return recording->log(); }
    std::size_t entries() { return scripted->keys().size(); }
};

/// The same where nobody takes leases, so that all round trips are those of the calls themselves.
struct CallRigWithoutLeases : CallRig {
    CallRigWithoutLeases() {
        using namespace std::chrono_literals;
        cache = Cache{recording, {.lease_wait = 0s, .clock = clock}};
    }
};

}  // namespace cachemodel::support
