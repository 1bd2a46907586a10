"""What tables read of a run."""
