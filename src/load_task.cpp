// cachemodel: a load as a task of an executor.
// SPDX-License-Identifier: MIT
#include "load_task.hpp"

#include <optional>
#include <utility>

#include "cache_core.hpp"
#include "load_limit.hpp"

namespace cachemodel::detail {

namespace {

thread_local int tasks_of_thread = 0;

}  // namespace

bool LoadTask::is_in_one() noexcept { return tasks_of_thread != 0; }

LoadTask::LoadTask(std::unique_ptr<LoadJob> job, std::shared_ptr<Loans> loans, bool is_awaited)
    : job_(std::move(job)),
      loans_(std::move(loans)),
      has_place_(is_awaited && LoadLimit::is_placed()) {
    const auto& own = job_->cache().view().executor;
    executor_ = own ? own : default_executor();
    job_->become_task(is_awaited);
}

LoadTask::LoadTask(std::unique_ptr<LoadJob> job, const LoadTask& before)
    : job_(std::move(job)),
      loans_(before.loans_),
      executor_(before.executor_),
      has_place_(before.has_place_) {}

LoadTask::~LoadTask() {
    if (has_run_ || !job_) return;
    const Loans::Loan loan{loans_};
    if (loan.is_granted()) job_->give_up();
}

void LoadTask::run() noexcept {
    has_run_ = true;
    const Loans::Loan loan{loans_};
    if (!loan.is_granted()) return;
    std::optional<LoadLimit::Place> place;
    if (has_place_) place.emplace();
    // An executor that runs a task within `submit` would go round in circles.
    const bool gives_way = !is_in_one();
    tasks_of_thread += 1;
    try {
        job_->lead();
        while (!job_->advance()) {
            if (gives_way && give_way()) break;
        }
    } catch (...) {
        // No memory. Whoever waits goes on alone. The flights end in the thread that leads them.
        job_.reset();
    }
    tasks_of_thread -= 1;
}

/// Whether somebody else has the job now.
bool LoadTask::give_way() {
    const auto executor = executor_.lock();
    if (!executor) return false;
    job_->pause();
    std::unique_ptr<Task> task = std::make_unique<LoadTask>(std::move(job_), *this);
    try {
        if (executor->submit(task)) return true;
    } catch (...) {
        // As good as no room.
    }
    if (!task) return true;
    job_ = std::move(static_cast<LoadTask&>(*task).job_);
    job_->lead();
    return false;
}

}  // namespace cachemodel::detail
