// cachemodel: a backend that writes down what another one is asked.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/backend.hpp>
#include <cachemodel/testing/call_log.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cachemodel::testing {

/// Passes every call on to another backend and writes it down, with the answer for every key.
///
/// A call that throws is written down as failed for every key that had no answer yet.
///
/// Thread safety: may be called concurrently, if the other backend may.
class RecordingBackend final : public Backend {
 public:
    explicit RecordingBackend(std::shared_ptr<Backend> backend) : backend_(std::move(backend)) {}

    /// Lives as long as this backend.
    CallLog& log() noexcept { return log_; }
    const CallLog& log() const noexcept { return log_; }

    const Capabilities& capabilities() const noexcept override { return backend_->capabilities(); }

    void get_many(std::span<const std::string_view> keys, ReadSink& sink) override {
        Recording recording{log_, Verb::get, keys};
        NotingSink noting{sink, recording.call};
        backend_->get_many(keys, noting);
        recording.call.threw = false;
    }

    void peek_many(std::span<const std::string_view> keys, ReadSink& sink) override {
        Recording recording{log_, Verb::get, keys};
        NotingSink noting{sink, recording.call};
        backend_->peek_many(keys, noting);
        recording.call.threw = false;
    }

    void store_many(Store how, std::span<const Entry> entries,
                    std::span<Outcome> outcomes) override {
        Recording recording{log_, verb_of(how), entries};
        backend_->store_many(how, entries, outcomes);
        recording.note(outcomes);
    }

    void remove_many(std::span<const std::string_view> keys, std::span<Outcome> outcomes) override {
        Recording recording{log_, Verb::remove, keys};
        backend_->remove_many(keys, outcomes);
        recording.note(outcomes);
    }

    void touch_many(std::span<const std::string_view> keys, Lifetime lifetime,
                    std::span<Outcome> outcomes) override {
        Recording recording{log_, Verb::touch, keys};
        backend_->touch_many(keys, lifetime, outcomes);
        recording.note(outcomes);
    }

    Outcome increment(std::string_view key, std::int64_t delta, std::int64_t& value) override {
        Recording recording{log_, Verb::increment, {&key, 1}};
        const Outcome outcome = backend_->increment(key, delta, value);
        recording.note({&outcome, 1});
        return outcome;
    }

    Outcome remaining_lifetime(std::string_view key, Lifetime& left) override {
        Recording recording{log_, Verb::remaining_lifetime, {&key, 1}};
        const Outcome outcome = backend_->remaining_lifetime(key, left);
        recording.note({&outcome, 1});
        return outcome;
    }

    void list_keys(std::string_view prefix, KeySink& sink) override {
        Recording recording{log_, Verb::list_keys, no_keys};
        backend_->list_keys(prefix, sink);
        recording.call.threw = false;
    }

    std::vector<Fact> facts() override {
        Recording recording{log_, Verb::facts, no_keys};
        auto facts = backend_->facts();
        recording.call.threw = false;
        return facts;
    }

    /// Is no call: nothing is asked.
    std::vector<ServerState> servers() override { return backend_->servers(); }
    std::size_t server_of(std::string_view key) const noexcept override {
        return backend_->server_of(key);
    }

    void clear() override {
        Recording recording{log_, Verb::clear, no_keys};
        backend_->clear();
        recording.call.threw = false;
    }

    void close() noexcept override {
        try {
            log_.record({Verb::close, {}, false});
        } catch (...) {
            // Without memory for a line of the log the backend is closed all the same.
        }
        backend_->close();
    }

 private:
    static constexpr std::span<const std::string_view> no_keys{};

    /// Is written down when the call is over, however it ended.
    struct Recording {
        Recording(CallLog& target, Verb verb, std::span<const std::string_view> keys)
            : log(target), call{verb, {}, true} {
            for (const std::string_view key : keys)
                call.keys.push_back({std::string{key}, Answer::failed});
        }
        Recording(CallLog& target, Verb verb, std::span<const Entry> entries)
            : log(target), call{verb, {}, true} {
            for (const Entry& entry : entries)
                call.keys.push_back({std::string{entry.key}, Answer::failed});
        }
        Recording(const Recording&) = delete;
        Recording& operator=(const Recording&) = delete;
        ~Recording() {
            try {
                log.record(std::move(call));
            } catch (...) {
                // A destructor must not throw; the line is missing where memory ran out.
            }
        }

        void note(std::span<const Outcome> outcomes) noexcept {
            call.threw = false;
            for (std::size_t i = 0; i < outcomes.size(); ++i) {
                call.keys[i].answer = outcomes[i].done()       ? Answer::done
                                      : outcomes[i].declined() ? Answer::declined
                                                               : Answer::failed;
            }
        }

        CallLog& log;
        Call call;
    };

    class NotingSink final : public ReadSink {
     public:
        NotingSink(ReadSink& sink, Call& call) noexcept : sink_(sink), call_(call) {}

        void found(std::size_t index, std::string_view value,
                   std::uint64_t token) noexcept override {
            call_.keys[index].answer = Answer::found;
            sink_.found(index, value, token);
        }
        void absent(std::size_t index) noexcept override {
            call_.keys[index].answer = Answer::absent;
            sink_.absent(index);
        }
        void unusable(std::size_t index, MissReason reason) noexcept override {
            call_.keys[index].answer = Answer::absent;
            sink_.unusable(index, reason);
        }
        void failed(std::size_t index, const Failure& failure) noexcept override {
            call_.keys[index].answer = Answer::failed;
            sink_.failed(index, failure);
        }

     private:
        ReadSink& sink_;
        Call& call_;
    };

    static Verb verb_of(Store how) noexcept {
        switch (how) {
            case Store::add:
                return Verb::add;
            case Store::compare_and_set:
                return Verb::compare_and_set;
            case Store::set:
                break;
        }
        return Verb::set;
    }

    std::shared_ptr<Backend> backend_;
    CallLog log_;
};

}  // namespace cachemodel::testing
