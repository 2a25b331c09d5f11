// cachemodel: reads of one key each, by many callers at a time, combined into few requests.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/backend.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>

namespace cachemodel::net {

/// How one caller asks the server.
class ReadRequest {
 public:
    /// Asks for all `keys` at once, within the caller's deadline. Each answer goes to `sink`, in
    /// this thread.
    virtual void send(std::span<const std::string_view> keys, ReadSink& sink) = 0;

 protected:
    ~ReadRequest() = default;
};

/// The reads of one key each that one server is asked for.
///
/// A caller that finds few requests under way goes alone, at once. Otherwise its key joins a batch,
/// and when a request has ended, one of those who wait asks for all keys of the batch, on its own
/// thread. The answers are kept in the batch, and each caller takes its own one.
///
/// Thread safety: may be called concurrently.
class CombinedReads {
 public:
    using TimePoint = std::chrono::steady_clock::time_point;

    /// So many keys go in one request. More would let each answer wait for too many others.
    static constexpr std::size_t most_keys = 64;
    /// With so many requests under way, a batch waits: while the server is at one of them, the
    /// answers of the other are handed out.
    static constexpr std::size_t most_requests = 2;
    /// With so many requests under way, or a batch waiting, a caller does not go alone. So few
    /// callers are better off with a connection each than by waiting for one another.
    static constexpr std::size_t most_alone = 4;
    /// The first key of a batch waits so long at most. Then its caller asks, however many requests
    /// are under way: where the way to the server is long, or one that asks is held up, nobody
    /// should wait twice.
    static constexpr std::chrono::microseconds longest_wait{200};
    /// A batch keeps so many bytes of answers. Who is left out asks again, alone.
    static constexpr std::size_t most_bytes = std::size_t{1} << 20;
    /// What combining saves is nothing beside the cost of an answer that is larger than this.
    /// After a batch of such answers, the next `alone_after_large` callers go alone.
    static constexpr std::size_t large_answer = std::size_t{16} << 10;
    static constexpr int alone_after_large = 1000;

    /// Of a server that has so many connections at most.
    explicit CombinedReads(std::size_t connections,
                           std::chrono::nanoseconds patience = longest_wait) noexcept
        : limit_(std::min(connections, most_requests)),
          limit_alone_(std::min(connections, most_alone)),
          patience_(patience) {}

    /// Reads `key`, alone or together with others; `request` asks for this caller, until
    /// `deadline`. The answer goes to `sink`, in this thread and without a lock.
    ///
    /// False when it did not come in time, which `sink` does not know yet.
    [[nodiscard]] bool read(std::string_view key, ReadSink& sink, TimePoint deadline,
                            ReadRequest& request);

    /// How many keys wait for somebody to ask for them.
    std::size_t waiting() const;

 private:
    class Batch;
    class Request;

    /// Everything but `answered` is decided under the lock.
    enum class Turn { lead, take_answer, give_up };

    bool may_go_alone() noexcept;
    Turn await_turn(Batch& batch, std::size_t index, TimePoint deadline);
    void take_lead(Batch& batch) noexcept;
    void lead(Batch& batch, TimePoint deadline, ReadRequest& request);

    const std::size_t limit_;
    const std::size_t limit_alone_;
    const std::chrono::nanoseconds patience_;
    mutable std::mutex mutex_;
    std::size_t requests_ = 0;     ///< under way
    std::shared_ptr<Batch> open_;  ///< takes further keys
    int alone_ = 0;                ///< so many callers need not look for others
};

}  // namespace cachemodel::net
