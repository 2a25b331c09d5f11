// cachemodel: reads of one key each, by many callers at a time, combined into few requests.
// SPDX-License-Identifier: MIT
#include "net/combined_reads.hpp"

#include "net/wait_word.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <new>
#include <optional>
#include <string>

namespace cachemodel::net {

/// Keys that are asked for together, and their answers. It belongs to all who wait for one: whoever
/// leaves early leaves nothing behind that is written to later.
class CombinedReads::Batch final : public ReadSink {
 public:
    enum State : std::uint32_t {
        open,        ///< takes keys
        leaderless,  ///< takes keys, and any of its callers may ask now
        under_way,
        answered,
    };
    struct Answer {
        enum class Kind : std::uint8_t { none, found, absent, failed };

        Kind kind = Kind::none;
        std::size_t begin = 0;
        std::size_t size = 0;
        std::uint64_t token = 0;
        std::optional<Failure> failure = {};
    };

    State state() const noexcept { return static_cast<State>(word_.load()); }
    void set(State state) noexcept { word_.store(state); }
    WaitWord& word() noexcept { return word_; }

    // While it takes keys: under the lock.

    bool is_full() const noexcept { return size_ == most_keys; }
    bool is_open() const noexcept { return state() <= leaderless; }
    std::size_t size() const noexcept { return size_; }
    std::size_t add(std::string_view key) {
        keys_ += key;
        ends_[size_] = keys_.size();
        return size_++;
    }

    // While it is under way: by whom asks.

    std::span<const std::string_view> keys(
        std::array<std::string_view, most_keys>& place) const noexcept {
        std::size_t begin = 0;
        for (std::size_t i = 0; i < size_; ++i) {
            place[i] = std::string_view{keys_}.substr(begin, ends_[i] - begin);
            begin = ends_[i];
        }
        return {place.data(), size_};
    }
    void found(std::size_t index, std::string_view value, std::uint64_t token) noexcept override {
        bytes_ += value.size();
        if (values_.size() + value.size() > most_bytes) return;
        try {
            const auto begin = values_.size();
            values_ += value;
            answers_[index] = {Answer::Kind::found, begin, value.size(), token};
        } catch (const std::bad_alloc&) {
            // Its caller asks again, and finds out on its own thread.
        }
    }
    void absent(std::size_t index) noexcept override {
        answers_[index].kind = Answer::Kind::absent;
    }
    void failed(std::size_t index, const Failure& failure) noexcept override {
        answers_[index].kind = Answer::Kind::failed;
        answers_[index].failure = failure;
    }
    void run_out_of_time() noexcept { has_run_out_of_time_ = true; }

    // When it is answered.

    bool has_large_answers() const noexcept { return bytes_ > size_ * large_answer; }
    const Answer& answer(std::size_t index) const noexcept { return answers_[index]; }
    std::string_view value(const Answer& answer) const noexcept {
        return std::string_view{values_}.substr(answer.begin, answer.size);
    }
    /// It failed at the deadline of the caller that asked.
    bool has_run_out_of_time() const noexcept { return has_run_out_of_time_; }

 private:
    WaitWord word_;
    std::size_t size_ = 0;
    std::string keys_;
    std::array<std::size_t, most_keys> ends_;
    std::array<Answer, most_keys> answers_;
    std::string values_;
    std::size_t bytes_ = 0;
    bool has_run_out_of_time_ = false;
};

/// A request under way, from when it is counted.
class CombinedReads::Request {
 public:
    explicit Request(CombinedReads& reads) noexcept : reads_(reads) {}
    ~Request() {
        std::shared_ptr<Batch> next;
        {
            const std::lock_guard lock{reads_.mutex_};
            --reads_.requests_;
            if (reads_.requests_ < reads_.limit_ && reads_.open_ &&
                reads_.open_->state() == Batch::open) {
                next = reads_.open_;
                next->set(Batch::leaderless);
            }
        }
        if (next) next->word().wake_one();
    }
    Request(const Request&) = delete;
    Request& operator=(const Request&) = delete;

 private:
    CombinedReads& reads_;
};

bool CombinedReads::read(std::string_view key, ReadSink& sink, TimePoint deadline,
                         ReadRequest& request) {
    for (bool alone = false;;) {
        std::shared_ptr<Batch> batch;
        std::size_t index = 0;
        bool leads = false;
        {
            const std::lock_guard lock{mutex_};
            alone = alone || may_go_alone();
            if (alone) {
                ++requests_;
            } else {
                if (!open_) open_ = std::make_shared<Batch>();
                batch = open_;
                index = batch->add(key);
                leads = batch->is_full() || batch->state() == Batch::leaderless;
                if (leads) take_lead(*batch);
            }
        }
        if (alone) {
            const Request counted{*this};
            request.send({&key, 1}, sink);
            return true;
        }

        const auto turn = leads ? Turn::lead : await_turn(*batch, index, deadline);
        if (turn == Turn::give_up) return false;
        if (turn == Turn::lead) lead(*batch, deadline, request);

        const auto& answer = batch->answer(index);
        switch (answer.kind) {
            case Batch::Answer::Kind::found:
                sink.found(0, batch->value(answer), answer.token);
                return true;
            case Batch::Answer::Kind::absent:
                sink.absent(0);
                return true;
            case Batch::Answer::Kind::failed:
                break;
            case Batch::Answer::Kind::none:
                alone = true;
                continue;
        }
        if (batch->has_run_out_of_time() && std::chrono::steady_clock::now() < deadline) {
            continue;  // it was the time of another caller
        }
        if (answer.failure->fault() == BackendFault::protocol && batch->size() > 1) {
            alone = true;  // perhaps it was the entry of another caller
            continue;
        }
        sink.failed(0, *answer.failure);
        return true;
    }
}

std::size_t CombinedReads::waiting() const {
    const std::lock_guard lock{mutex_};
    return open_ ? open_->size() : 0;
}

bool CombinedReads::may_go_alone() noexcept {
    if (alone_ > 0) {
        --alone_;
        return true;
    }
    return !open_ && requests_ < limit_alone_;
}

CombinedReads::Turn CombinedReads::await_turn(Batch& batch, std::size_t index, TimePoint deadline) {
    auto patience = deadline;
    if (index == 0) patience = std::min(deadline, std::chrono::steady_clock::now() + patience_);
    for (;;) {
        const auto state = batch.state();
        if (state == Batch::answered) return Turn::take_answer;
        const auto limit = state == Batch::open ? patience : deadline;
        const bool is_in_time = state != Batch::leaderless && batch.word().wait(state, limit);
        if (is_in_time || batch.state() == Batch::answered) continue;

        const std::lock_guard lock{mutex_};
        if (state != Batch::leaderless && limit == deadline) {
            // Perhaps the news that somebody may ask went to this caller, too late.
            if (batch.is_open()) batch.set(Batch::leaderless);
            batch.word().wake_one();
            return Turn::give_up;
        }
        if (batch.is_open()) {
            take_lead(batch);
            return Turn::lead;
        }
    }
}

void CombinedReads::take_lead(Batch& batch) noexcept {
    batch.set(Batch::under_way);
    open_.reset();
    ++requests_;
}

void CombinedReads::lead(Batch& batch, TimePoint deadline, ReadRequest& request) {
    // Also when it throws: the others then ask again.
    struct End {
        ~End() {
            batch.set(Batch::answered);
            batch.word().wake_all();
        }
        Batch& batch;
    } const end{batch};
    const Request counted{*this};  // ends first: the next one may ask while these are woken
    std::array<std::string_view, most_keys> place;
    request.send(batch.keys(place), batch);
    if (std::chrono::steady_clock::now() >= deadline) batch.run_out_of_time();
    if (batch.has_large_answers()) {
        const std::lock_guard lock{mutex_};
        alone_ = alone_after_large;
    }
}

}  // namespace cachemodel::net
