// cachemodel: answers cached calls, many with one read and one write.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/detail/cached_calls.hpp>

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "call_site.hpp"
#include "freshness.hpp"
#include "loads.hpp"

namespace cachemodel::detail {

/// A call that is to be answered.
struct AskedCall {
    const EntryKey& key;
    AnyCall* call;  ///< null where it is not to be made
    void* hit;      ///< where a result that is in the cache is read to
    // What the cache says.
    bool is_hit = false;
    bool is_stale = false;
    bool is_to_be_refreshed = false;
    bool is_to_be_verified = false;
    MissReason reason = MissReason::nothing_stored;
    std::optional<Failure> failure = {};
    Basis basis = {};
    std::string standing = {};
    bool has_fallback = false;  ///< it may be served, and can be read
    std::uint64_t landings = 0;
    SteadyTime asked_at = {};
    // What the function says.
    std::shared_ptr<const void> result = {};
    std::exception_ptr error = {};
};

/// The calls of one function that are answered together.
class CallLoads final : public Loads {
 public:
    CallLoads(const CallDoor& door, std::span<AskedCall> calls);

    /// Reads all of them, in one round trip.
    void read();
    /// Whether some are not answered, or have to be seen to all the same.
    bool has_to_run() const noexcept;
    /// Runs the function for those that were not found.
    void run();

 private:
    class Sink;

    void read_one(AskedCall& asked, std::string_view bytes, std::uint64_t token);
    bool decode(AskedCall& asked, const OpenedEntry& entry);
    void count_read() noexcept;

    std::unique_ptr<LoadJob> make_job() override;
    std::unique_ptr<LoadJob> make_verification() override;
    void* place(LoadJob& job, std::size_t index, bool is_task) override;
    void loaded(std::size_t index, KeyLoad& load) override;
    void take(std::size_t index, const std::shared_ptr<const void>& product) override;
    void fail(std::size_t index, std::exception_ptr error) override;
    bool fall_back(std::size_t index) override;
    bool may_reenter() const noexcept override { return true; }
    void count(Counter Counters::*counter) noexcept override;

    const CallDoor& door_;
    const LoadRules rules_;
    std::span<AskedCall> calls_;
};

}  // namespace cachemodel::detail
