// cachemodel: backends around another one that go wrong, each in one way.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/backend.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cachemodel::support {

/// Passes everything on.
class Decorator : public Backend {
 public:
    explicit Decorator(std::shared_ptr<Backend> backend) : backend_(std::move(backend)) {}

    const Capabilities& capabilities() const noexcept override { return backend_->capabilities(); }
    void get_many(std::span<const std::string_view> keys, ReadSink& sink) override {
        backend_->get_many(keys, sink);
    }
    void store_many(Store how, std::span<const Entry> entries,
                    std::span<Outcome> outcomes) override {
        backend_->store_many(how, entries, outcomes);
    }
    void remove_many(std::span<const std::string_view> keys, std::span<Outcome> outcomes) override {
        backend_->remove_many(keys, outcomes);
    }
    void touch_many(std::span<const std::string_view> keys, Lifetime lifetime,
                    std::span<Outcome> outcomes) override {
        backend_->touch_many(keys, lifetime, outcomes);
    }
    void clear() override { backend_->clear(); }
    void close() noexcept override { backend_->close(); }
    void peek_many(std::span<const std::string_view> keys, ReadSink& sink) override {
        backend_->peek_many(keys, sink);
    }
    Outcome increment(std::string_view key, std::int64_t delta, std::int64_t& value) override {
        return backend_->increment(key, delta, value);
    }
    Outcome remaining_lifetime(std::string_view key, Lifetime& left) override {
        return backend_->remaining_lifetime(key, left);
    }
    void list_keys(std::string_view prefix, KeySink& sink) override {
        backend_->list_keys(prefix, sink);
    }
    std::vector<Fact> facts() override { return backend_->facts(); }
    std::vector<ServerState> servers() override { return backend_->servers(); }
    std::size_t server_of(std::string_view key) const noexcept override {
        return backend_->server_of(key);
    }

 protected:
    Backend& backend() noexcept { return *backend_; }

 private:
    std::shared_ptr<Backend> backend_;
};

/// Answers every key with a failure, and throws where no key is asked for.
class DownBackend final : public Decorator {
 public:
    explicit DownBackend(std::shared_ptr<Backend> backend,
                         BackendFault fault = BackendFault::unavailable)
        : Decorator(std::move(backend)), failure_(fault, "down") {}

    void get_many(std::span<const std::string_view> keys, ReadSink& sink) override {
        for (std::size_t i = 0; i < keys.size(); ++i) sink.failed(i, failure_);
    }
    void store_many(Store, std::span<const Entry>, std::span<Outcome> outcomes) override {
        std::ranges::fill(outcomes, Outcome{failure_});
    }
    void remove_many(std::span<const std::string_view>, std::span<Outcome> outcomes) override {
        std::ranges::fill(outcomes, Outcome{failure_});
    }
    void touch_many(std::span<const std::string_view>, Lifetime,
                    std::span<Outcome> outcomes) override {
        std::ranges::fill(outcomes, Outcome{failure_});
    }
    void clear() override { failure_.rethrow(); }
    void peek_many(std::span<const std::string_view> keys, ReadSink& sink) override {
        get_many(keys, sink);
    }
    Outcome increment(std::string_view, std::int64_t, std::int64_t&) override { return failure_; }
    Outcome remaining_lifetime(std::string_view, Lifetime&) override { return failure_; }
    void list_keys(std::string_view, KeySink&) override { failure_.rethrow(); }
    std::vector<Fact> facts() override { failure_.rethrow(); }

 private:
    Failure failure_;
};

/// Takes some of the clock's time for every call before it answers.
class SlowBackend final : public Decorator {
 public:
    SlowBackend(std::shared_ptr<Backend> backend, testing::TurnableClock& clock,
                std::chrono::nanoseconds delay)
        : Decorator(std::move(backend)), clock_(clock), delay_(delay) {}

    void get_many(std::span<const std::string_view> keys, ReadSink& sink) override {
        clock_.advance(delay_);
        Decorator::get_many(keys, sink);
    }
    void store_many(Store how, std::span<const Entry> entries,
                    std::span<Outcome> outcomes) override {
        clock_.advance(delay_);
        Decorator::store_many(how, entries, outcomes);
    }
    void remove_many(std::span<const std::string_view> keys, std::span<Outcome> outcomes) override {
        clock_.advance(delay_);
        Decorator::remove_many(keys, outcomes);
    }
    void touch_many(std::span<const std::string_view> keys, Lifetime lifetime,
                    std::span<Outcome> outcomes) override {
        clock_.advance(delay_);
        Decorator::touch_many(keys, lifetime, outcomes);
    }
    void clear() override {
        clock_.advance(delay_);
        Decorator::clear();
    }
    void peek_many(std::span<const std::string_view> keys, ReadSink& sink) override {
        clock_.advance(delay_);
        Decorator::peek_many(keys, sink);
    }
    Outcome increment(std::string_view key, std::int64_t delta, std::int64_t& value) override {
        clock_.advance(delay_);
        return Decorator::increment(key, delta, value);
    }
    Outcome remaining_lifetime(std::string_view key, Lifetime& left) override {
        clock_.advance(delay_);
        return Decorator::remaining_lifetime(key, left);
    }
    void list_keys(std::string_view prefix, KeySink& sink) override {
        clock_.advance(delay_);
        Decorator::list_keys(prefix, sink);
    }
    std::vector<Fact> facts() override {
        clock_.advance(delay_);
        return Decorator::facts();
    }

 private:
    testing::TurnableClock& clock_;
    std::chrono::nanoseconds delay_;
};

/// Hands out at most the first `longest` bytes of every value.
class TruncatingBackend final : public Decorator {
 public:
    TruncatingBackend(std::shared_ptr<Backend> backend, std::size_t longest)
        : Decorator(std::move(backend)), longest_(longest) {}

    void get_many(std::span<const std::string_view> keys, ReadSink& sink) override {
        Cutting cutting{sink, longest_};
        Decorator::get_many(keys, cutting);
    }
    void peek_many(std::span<const std::string_view> keys, ReadSink& sink) override {
        Cutting cutting{sink, longest_};
        Decorator::peek_many(keys, cutting);
    }

 private:
    struct Cutting final : ReadSink {
        Cutting(ReadSink& target, std::size_t most) : sink(target), longest(most) {}
        void found(std::size_t index, std::string_view value,
                   std::uint64_t token) noexcept override {
            sink.found(index, value.substr(0, longest), token);
        }
        void absent(std::size_t index) noexcept override { sink.absent(index); }
        void failed(std::size_t index, const Failure& failure) noexcept override {
            sink.failed(index, failure);
        }
        ReadSink& sink;
        std::size_t longest;
    };

    std::size_t longest_;
};

/// Answers every read with what is stored under one other key.
class LyingBackend final : public Decorator {
 public:
    LyingBackend(std::shared_ptr<Backend> backend, std::string other_key)
        : Decorator(std::move(backend)), other_key_(std::move(other_key)) {}

    void get_many(std::span<const std::string_view> keys, ReadSink& sink) override {
        Decorator::get_many(std::vector<std::string_view>(keys.size(), other_key_), sink);
    }
    void peek_many(std::span<const std::string_view> keys, ReadSink& sink) override {
        Decorator::peek_many(std::vector<std::string_view>(keys.size(), other_key_), sink);
    }
    Outcome remaining_lifetime(std::string_view, Lifetime& left) override {
        return Decorator::remaining_lifetime(other_key_, left);
    }

 private:
    std::string other_key_;
};

/// Loses every `share`-th entry as soon as it is stored, and says that all went well.
class EvictingBackend final : public Decorator {
 public:
    explicit EvictingBackend(std::shared_ptr<Backend> backend, std::size_t share = 1)
        : Decorator(std::move(backend)), share_(share) {}

    void store_many(Store how, std::span<const Entry> entries,
                    std::span<Outcome> outcomes) override {
        Decorator::store_many(how, entries, outcomes);
        for (const Entry& entry : entries) evict_some(entry.key);
    }
    Outcome increment(std::string_view key, std::int64_t delta, std::int64_t& value) override {
        const Outcome outcome = Decorator::increment(key, delta, value);
        if (outcome.done()) evict_some(key);
        return outcome;
    }

 private:
    void evict_some(std::string_view key) {
        if (++stored_ % share_ != 0) return;
        Outcome ignored;
        Decorator::remove_many({&key, 1}, {&ignored, 1});
    }

    std::size_t share_;
    std::atomic<std::size_t> stored_{0};
};

/// Has no memory for another value, nor for a number that changes. Reads, removals and touches go
/// on.
class FullBackend final : public Decorator {
 public:
    using Decorator::Decorator;

    void store_many(Store, std::span<const Entry>, std::span<Outcome> outcomes) override {
        std::ranges::fill(outcomes, Outcome{full()});
    }
    Outcome increment(std::string_view, std::int64_t, std::int64_t&) override { return full(); }

 private:
    static Failure full() { return Failure{BackendFault::full, "no memory left"}; }
};

}  // namespace cachemodel::support
